// Drops by their state, for what a gate does with them later.
import Admission
import GRDB

extension SQLiteLedgerStore {
    func drops(
        in state: DropState, changedBefore instant: Instant, after seq: Int64, limit: Int
    ) throws -> [DropRecord] {
        let column =
            switch state {
            case .released: "released"
            case .acknowledged: "acknowledged"
            case .taken: "taken"
            case .pending, .lost, .forgotten, .withdrawn: "received"
            }
        let drops =
            state == .released
            ? "\(Schema.released) WHERE" : "\(Schema.unfinished) WHERE \(Schema.isUnfinished) AND"
        return try database.readLedger { db in
            try Row.fetchAll(
                db,
                // A partial index serves the words of its condition, not a parameter.
                sql: """
                    SELECT * FROM \(drops) state = \(state.rawValue) AND \(column) < ? AND seq > ?
                    ORDER BY seq LIMIT ?
                    """,
                arguments: [instant.microseconds, seq, limit]
            ).map(DropRecord.init(row:))
        }
    }

    func newestDrops(in state: DropState, limit: Int) throws -> [DropRecord] {
        try database.readLedger { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM \(Schema.unfinished) WHERE \(Schema.isUnfinished) AND state = \(state.rawValue)
                    ORDER BY seq DESC LIMIT ?
                    """, arguments: [limit]
            ).map(DropRecord.init(row:))
        }
    }
}
