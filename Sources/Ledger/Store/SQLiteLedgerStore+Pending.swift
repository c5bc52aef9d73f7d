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

    func body(seq: Int64) throws -> [UInt8]? {
        try database.readLedger { try $0.body(seq: seq) }
    }

    func pendingDrops(after seq: Int64, limit: Int) throws -> [PendingDrop] {
        try pending("true", after: seq, limit: limit)
    }

    func pendingUploads(after seq: Int64, limit: Int) throws -> [PendingDrop] {
        try pending("incoming IS NOT NULL", after: seq, limit: limit)
    }

    func pendingUploadPaths() throws -> [String] {
        try database.readLedger { db in
            let rows = try Row.fetchCursor(
                db,
                sql:
                    "SELECT incoming FROM \(Schema.drops(in: .pending)) AND incoming IS NOT NULL ORDER BY seq"
            )
            var paths: [String] = []
            while let row = try rows.next() { paths.append(try TableRow(row, of: "drops").text("incoming")) }
            return paths
        }
    }

    private func pending(_ which: String, after seq: Int64, limit: Int) throws -> [PendingDrop] {
        try database.readLedger { db in
            var after = seq
            while true {
                let page = try self.page(which, after: after, limit: limit, db)
                guard page.drops.isEmpty, let last = page.last else { return page.drops }
                after = last
            }
        }
    }

    /// - Returns: also the number of the last drop that was looked at; nil: there is none.
    private func page(
        _ which: String, after seq: Int64, limit: Int, _ db: Database
    ) throws -> (drops: [PendingDrop], last: Int64?) {
        let pending = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT pending.*, entries.json AS json
                    FROM (
                      SELECT * FROM \(Schema.drops(in: .pending)) AND seq > ? AND seq < \(LedgerLimits.entries)
                      AND \(which) ORDER BY seq LIMIT ?
                    ) AS pending
                    LEFT JOIN entries ON entries.seq = pending.seq AND entries.seq > \(Schema.lastSealed)
                    ORDER BY pending.seq
                    """), arguments: [seq, limit])
        var drops: [PendingDrop] = []
        var bytes = 0
        var last: Int64?
        while bytes < LedgerLimits.pendingBytes, let row = try pending.next() {
            last = try TableRow(row, of: "drops").seq("seq")
            guard let drop = try pendingDrop(row, db) else { continue }
            bytes += drop.body?.count ?? 0
            drops.append(drop)
        }
        return (drops, last)
    }

    /// nil where its entry cannot be read, or the row has a value that no gate writes: a verification tells of it, and it holds up no
    /// other drop.
    private func pendingDrop(_ row: Row, _ db: Database) throws -> PendingDrop? {
        do {
            let record = try DropRecord(row: row)
            let stored = try TableRow(row, of: "entries").bytesOrNull("json")
            // What its sender has renamed, or what is held, may have a sealed entry.
            guard let entry = stored ?? (try? self.entry(record.seq, db)) else { return nil }
            return PendingDrop(
                record: record, entry: entry,
                body: record.incoming == nil ? try db.body(seq: record.seq) : nil)
        } catch is LedgerError {
            return nil
        }
    }
}

extension Database {
    /// What the store keeps of a drop until it is released.
    func body(seq: Int64) throws -> [UInt8]? {
        try Row.fetchOne(
            cachedStatement(sql: "SELECT seq, body FROM bodies WHERE seq = ?"), arguments: [seq]
        ).map { try TableRow($0, of: "bodies").bytes("body") }
    }
}
