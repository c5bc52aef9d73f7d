// Rows of entries as SQLite hands them out, without a copy: for verification, which reads them all.
import Admission
import Foundation
import GRDB
import GRDBSQLite

/// A walk over all entries in their order. Values of a row are good until the next step.
struct EntryRows {
    static let sql = """
        SELECT seq, time, kind, channel, verdict, reason, source, account, json FROM entries
        WHERE seq >= ? ORDER BY seq
        """

    private let statement: Statement

    init(_ db: Database, from seq: Int64) throws {
        statement = try db.makeStatement(sql: Self.sql)
        try statement.setArguments([seq])
        sqlite3_bind_int64(statement.sqliteStatement, 1, seq)
    }

    /// nil at the end.
    func next() throws -> EntryRow? {
        switch sqlite3_step(statement.sqliteStatement) {
        case SQLITE_ROW: return EntryRow(statement: statement.sqliteStatement)
        case SQLITE_DONE: return nil
        case let code:
            throw LedgerError(
                .unreadable, "the ledger cannot be read",
                of: DatabaseError(resultCode: ResultCode(rawValue: code)))
        }
    }
}

struct EntryRow {
    let statement: SQLiteStatement

    var seq: Int64 { sqlite3_column_int64(statement, 0) }
    var time: Int64 { sqlite3_column_int64(statement, 1) }
    var json: UnsafeRawBufferPointer { bytes(8) }

    /// As `time`, for callers that do not compare it with the entry. Throws `LedgerError(.unreadable)` where no entry can have it.
    func checkedTime() throws(LedgerError) -> Int64 {
        guard type(1) == SQLITE_INTEGER, Instant(microseconds: time).isWritable else {
            throw .damaged(column: "time", of: "entries", row: "seq \(seq)")
        }
        return time
    }

    /// `SQLITE_INTEGER` and so on; good only before the value is asked for, which may change it.
    func type(_ column: Int32) -> Int32 { sqlite3_column_type(statement, column) }

    func isNull(_ column: Int32) -> Bool { type(column) == SQLITE_NULL }

    /// nil unless it is of this type. SQLite does not find one of another type, whatever its bytes are.
    func bytes(_ column: Int32, _ type: Int32) -> UnsafeRawBufferPointer? {
        self.type(column) == type ? bytes(column) : nil
    }

    private func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(statement, column)
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
    }
}
