// Drops by their state, for what a gate does with them later.
import Admission
import GRDB

extension SQLiteLedgerStore {
    func drops(in state: DropState, after seq: Int64, limit: Int) throws -> [DropRecord] {
        try database.readLedger { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM \(Schema.drops(in: state)) AND seq > ? ORDER BY seq LIMIT ?",
                arguments: [seq, limit]
            ).map(DropRecord.init(row:))
        }
    }

    func drops(
        _ end: DropEnd, before instant: Instant, after drop: DropRecord?, limit: Int
    ) throws -> [DropRecord] {
        try database.readLedger { db in
            try Row.fetchAll(
                db, sql: SQL.endedDrops(end),
                arguments: [
                    "before": instant.microseconds, "time": drop?.time(of: end)?.microseconds ?? Int64.min,
                    "seq": drop?.seq ?? -1, "limit": limit,
                ]
            ).map(DropRecord.init(row:))
        }
    }

    func newestDrops(in state: DropState, limit: Int) throws -> [DropRecord] {
        try database.readLedger { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM \(Schema.drops(in: state)) ORDER BY seq DESC LIMIT ?",
                arguments: [limit]
            ).map(DropRecord.init(row:))
        }
    }
}
