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

    init(row: Row) {
        self.init(
            id: row["id"], seq: row["seq"], state: DropState(rawValue: row["state"]) ?? .lost,
            incoming: row["incoming"], readyPath: row["ready"],
            received: Instant(microseconds: row["received"]),
            released: (row["released"] as Int64?).map(Instant.init(microseconds:)),
            acknowledged: (row["acknowledged"] as Int64?).map(Instant.init(microseconds:)),
            taken: (row["taken"] as Int64?).map(Instant.init(microseconds:)), name: row["name"],
            due: (row["due"] as Int64?).map(Instant.init(microseconds:)),
            modified: row["modified"])
    }
}
