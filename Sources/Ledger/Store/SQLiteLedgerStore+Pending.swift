// What is committed and not yet released.
import Foundation
import GRDB

extension SQLiteLedgerStore {
    func pendingEvents() throws -> Int {
        try database.readLedger { db in
            try Int.fetchOne(
                db,
                sql: "SELECT count(*) FROM \(Schema.drops(in: .pending)) AND incoming IS NULL") ?? 0
        }
    }

    func pendingDrops(after seq: Int64, limit: Int) throws -> [PendingDrop] {
        try database.readLedger { db in
            let pending = try Row.fetchCursor(
                db.cachedStatement(
                    sql: """
                        SELECT pending.*, entries.json AS json
                        FROM (SELECT * FROM \(Schema.drops(in: .pending)) AND seq > ? ORDER BY seq LIMIT ?) AS pending
                        JOIN entries ON entries.seq = pending.seq ORDER BY pending.seq
                        """), arguments: [seq, limit])
            let body = try db.cachedStatement(sql: "SELECT body FROM bodies WHERE seq = ?")
            var drops: [PendingDrop] = []
            var bytes = 0
            while bytes < LedgerLimits.pendingBytes, let row = try pending.next() {
                let record = DropRecord(row: row)
                let drop = PendingDrop(
                    record: record, entry: [UInt8](row["json"] as Data),
                    body: try Data.fetchOne(body, arguments: [record.seq]).map { [UInt8]($0) })
                bytes += drop.body?.count ?? 0
                drops.append(drop)
            }
            return drops
        }
    }
}
