// What is committed and not yet released, in figures.
import GRDB

extension SQLiteLedgerStore {
    func pendingEvents() throws -> Int {
        try database.readLedger { db in
            try Int.fetchOne(
                db,
                sql: "SELECT count(*) FROM \(Schema.drops(in: .pending)) AND incoming IS NULL") ?? 0
        }
    }
}
