// A statement that is run for every entry: values go to SQLite as they are, without the boxes and copies of GRDB's arguments.
import Foundation
import GRDB
import GRDBSQLite

/// One of a connection's cached statements. Good for as long as the access to the database; values are bound by their place, from
/// 1 on, and stay bound until it was run.
struct HotStatement {
    private let statement: Statement
    private var handle: SQLiteStatement { statement.sqliteStatement }

    init(_ db: Database, _ sql: String) throws { statement = try db.cachedStatement(sql: sql) }

    func bind(_ place: Int32, _ value: Int64?) {
        if let value {
            sqlite3_bind_int64(handle, place, value)
        } else {
            sqlite3_bind_null(handle, place)
        }
    }

    /// SQLite copies it.
    func bind(_ place: Int32, _ value: String?) {
        guard var value else {
            sqlite3_bind_null(handle, place)
            return
        }
        value.withUTF8 { text in
            text.withMemoryRebound(to: CChar.self) {
                _ = sqlite3_bind_text(
                    handle, place, $0.baseAddress ?? Self.nothing, Int32($0.count), Self.copied)
            }
        }
    }

    /// SQLite copies it.
    func bind(_ place: Int32, _ value: [UInt8]?) {
        guard let value else {
            sqlite3_bind_null(handle, place)
            return
        }
        value.withUnsafeBytes { bind(place, $0, Self.copied) }
    }

    /// SQLite reads it where it lies, until the statement was run.
    func bind(_ place: Int32, inPlace value: UnsafeRawBufferPointer) { bind(place, value, nil) }

    private func bind(_ place: Int32, _ value: UnsafeRawBufferPointer, _ end: sqlite3_destructor_type?) {
        // Without an address it would be NULL.
        sqlite3_bind_blob(
            handle, place, value.baseAddress ?? UnsafeRawPointer(Self.nothing), Int32(value.count), end)
    }

    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
    private static var nothing: UnsafePointer<CChar> { UnsafePointer(bitPattern: 1).unsafelyUnwrapped }

    /// Runs a statement that gives no rows. Returns how many rows it changed. Throws `DatabaseError`.
    @discardableResult
    func run() throws -> Int {
        defer { end() }
        let code = sqlite3_step(handle)
        guard code == SQLITE_DONE else { throw error(code) }
        return Int(sqlite3_changes(sqlite3_db_handle(handle)))
    }

    /// Gives each row until `body` returns false. Throws `DatabaseError`, or what `body` throws.
    func forEach(_ body: (HotRow) throws -> Bool) throws {
        defer { end() }
        while true {
            switch sqlite3_step(handle) {
            case SQLITE_ROW: guard try body(HotRow(statement: handle)) else { return }
            case SQLITE_DONE: return
            case let code: throw error(code)
            }
        }
    }

    private func end() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    private func error(_ code: Int32) -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(sqlite3_db_handle(handle))),
            message: String(cString: sqlite3_errmsg(sqlite3_db_handle(handle))))
    }
}

/// A row of a `HotStatement`; its values are good until the next one. Columns count from 0.
struct HotRow {
    fileprivate let statement: SQLiteStatement

    func int(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }

    /// Empty for NULL.
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(statement, column)
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
    }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }
}
