// Rows of entries as SQLite hands them out, without a copy: for verification, which reads them all.
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
    var json: UnsafeRawBufferPointer { bytes(8) ?? UnsafeRawBufferPointer(start: nil, count: 0) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }

    /// nil for NULL.
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer? {
        if isNull(column) { return nil }
        let start = sqlite3_column_blob(statement, column)
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
    }
}
