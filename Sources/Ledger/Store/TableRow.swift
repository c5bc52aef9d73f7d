// A row of one of the ledger's tables, whose values may be of any type: SQLite keeps what it is given, and who can write the file may
// have written anything. GRDB's subscripts end the process where a value is of another type than the one that is asked for, and the
// rows of its cursors take any text for the number 0.
import Admission
import Foundation
import GRDB

/// Each look throws `LedgerError(.unreadable)` where the value cannot be what is asked for.
struct TableRow {
    private let row: Row
    private let table: String

    /// - Parameter table: for the message. Its key is the first column of the row.
    init(_ row: Row, of table: String) {
        self.row = row
        self.table = table
    }

    func int(_ column: String) throws(LedgerError) -> Int64 { try present(intOrNull(column), column) }
    func text(_ column: String) throws(LedgerError) -> String { try present(textOrNull(column), column) }
    func time(_ column: String) throws(LedgerError) -> Instant { try present(timeOrNull(column), column) }
    func bytes(_ column: String) throws(LedgerError) -> [UInt8] { try present(bytesOrNull(column), column) }

    /// How many entries there are of something.
    func size(_ column: String) throws(LedgerError) -> Int64 {
        let size = try int(column)
        guard (0...LedgerLimits.entries).contains(size) else { throw damage(column) }
        return size
    }

    /// The number of an entry.
    func seq(_ column: String) throws(LedgerError) -> Int64 {
        let seq = try int(column)
        guard (0..<LedgerLimits.entries).contains(seq) else { throw damage(column) }
        return seq
    }

    // MARK: nil for NULL

    func intOrNull(_ column: String) throws(LedgerError) -> Int64? { try value(column) }
    func textOrNull(_ column: String) throws(LedgerError) -> String? { try value(column) }

    /// - Parameter other: what may stand there, too, although no text can tell such a time.
    func timeOrNull(_ column: String, or other: Instant? = nil) throws(LedgerError) -> Instant? {
        guard let number = try intOrNull(column) else { return nil }
        let time = Instant(microseconds: number)
        guard time.isWritable || time == other else { throw damage(column) }
        return time
    }

    func bytesOrNull(_ column: String) throws(LedgerError) -> [UInt8]? {
        let data: Data? = try value(column)
        return data.map { [UInt8]($0) }
    }

    private func present<Value>(_ value: Value?, _ column: String) throws(LedgerError) -> Value {
        guard let value else { throw damage(column) }
        return value
    }

    /// The gate writes no fractions, which GRDB would cut to whole numbers.
    private func value<Value: DatabaseValueConvertible>(_ column: String) throws(LedgerError) -> Value? {
        guard let stored = try? row.decode(DatabaseValue.self, forColumn: column) else {
            throw damage(column)
        }
        switch stored.storage {
        case .null: return nil
        case .double: throw damage(column)
        case .int64, .string, .blob:
            guard let value = Value.fromDatabaseValue(stored) else { throw damage(column) }
            return value
        }
    }

    /// What to throw of a value that cannot be.
    func damage(_ column: String) -> LedgerError {
        .damaged(column: column, of: table, row: row.first.map { name, value in "\(name) \(value)" })
    }
}

extension LedgerError {
    /// What to do about a ledger that is damaged.
    package static let adviceOnDamage =
        "keep it as evidence, run `dropgate ledger verify`, and put a whole copy back"

    /// Of a ledger in which something stands that the gate never writes.
    static func damaged(_ what: String) -> LedgerError {
        LedgerError(.unreadable, "the ledger is damaged: \(what)", fix: adviceOnDamage)
    }

    /// What to throw instead of an error that only a damaged ledger can bring about; of another one, itself.
    static func ofDamage(_ error: any Error) -> any Error {
        switch error {
        // Its own words have whole rows and statements.
        case is RowDecodingError:
            return LedgerError.damaged("a column of one of its tables has a value that it cannot have")
        case MerkleError.missingTile(let level, let number):
            return LedgerError.damaged("its hash tree lacks tile \(level)/\(number)")
        default: return error
        }
    }

    /// - Parameter row: its key, `seq 7`; nil where nobody knows it.
    static func damaged(column: String, of table: String, row: String?) -> LedgerError {
        .damaged(misfit(column: column, of: table, row: row))
    }

    static func misfit(column: String, of table: String, row: String?) -> String {
        let place = row.map { " (\($0))" } ?? ""
        return "column \(column) of table \(table) has a value that it cannot have\(place)"
    }
}
