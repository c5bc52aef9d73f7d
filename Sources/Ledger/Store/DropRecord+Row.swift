// Drops as rows.
import Admission
import GRDB

extension DropRecord {
    /// The one that is to be released there, else the one that was released there last: an earlier drop may have been
    /// given the name later.
    static func newestUpload(readyPath: String, _ db: Database) throws -> DropRecord? {
        try Row.fetchOne(
            db,
            sql: """
                SELECT * FROM drops WHERE ready = ? AND incoming IS NOT NULL
                ORDER BY state = 0 DESC, released DESC, seq DESC LIMIT 1
                """,
            arguments: [readyPath]
        ).map(DropRecord.init(row:))
    }

    /// When it came to this state, if it did.
    func time(of end: DropEnd) -> Instant? {
        switch end {
        case .acknowledged: acknowledged
        case .taken: taken
        }
    }

    /// Throws `LedgerError(.unreadable)`.
    init(row: Row) throws {
        let row = TableRow(row, of: "drops")
        try self.init(
            id: row.text("id"), seq: row.seq("seq"),
            state: DropState(rawValue: Int(row.int("state"))) ?? .lost,
            incoming: row.textOrNull("incoming"), readyPath: row.text("ready"),
            received: row.time("received"), released: row.timeOrNull("released"),
            acknowledged: row.timeOrNull("acknowledged"), taken: row.timeOrNull("taken"),
            name: row.textOrNull("name"), due: row.timeOrNull("due", or: DropRecord.never),
            modified: row.intOrNull("modified"))
    }
}
