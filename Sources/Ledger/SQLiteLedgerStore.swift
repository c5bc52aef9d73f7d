// The ledger in one SQLite file: entries, drops and the bodies that are not yet staged. Blocking; the writer's
// queue calls it. Entries are only ever inserted.
package import Admission
import Foundation
import GRDB
import Synchronization

/// `LedgerStore` in SQLite. Holds an exclusive lock beside the file for as long as it lives.
package final class SQLiteLedgerStore: LedgerStore {
    private struct Head {
        var seq: Int64
        var time: Instant
    }

    private let database: DatabaseQueue
    private let node: String
    private let head: Mutex<Head>
    private let lock: FileLock

    /// Opens or makes the ledger at `path` (files 0600). Throws `LedgerError`: `.locked` when another process
    /// writes it, `.newer`, `.unwritable`.
    package init(path: String, node: String) throws {
        let lock = try FileLock(path: path + ".lock")
        do {
            // SQLite gives its WAL and shared memory files the mode of the database file.
            try FileLock.makePrivateFile(path: path)
            database = try Schema.openForWriting(path: path)
            head = Mutex(
                try database.read { db in
                    let row = try Row.fetchOne(
                        db, sql: "SELECT seq, time FROM entries ORDER BY seq DESC LIMIT 1")
                    return Head(
                        seq: row?["seq"] ?? -1, time: Instant(microseconds: row?["time"] ?? Int64.min / 2))
                })
        } catch let error as LedgerError {
            throw error
        } catch {
            throw LedgerError(.unwritable, "cannot open the ledger \(path): \(error)")
        }
        self.lock = lock
        self.node = node
    }

    /// Closed before the lock is given up, so that the next writer finds no half-closed WAL.
    deinit { try? database.close() }

    /// The value of SQLite's `PRAGMA synchronous` on the open connection: 2 is FULL.
    package func synchronousLevel() throws -> Int {
        try database.read { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? -1 }
    }

    package func commit(_ operations: [LedgerOperation], now: Instant) throws -> [LedgerOutcome] {
        var next = head.withLock { $0 }
        var outcomes: [LedgerOutcome] = []
        outcomes.reserveCapacity(operations.count)
        do {
            try database.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    for operation in operations {
                        outcomes.append(try perform(operation, db, now: now, head: &next))
                    }
                    return .commit
                }
            }
        } catch {
            throw LedgerError(.unwritable, "the ledger cannot be written: \(error)")
        }
        head.withLock { $0 = next }
        return outcomes
    }

    private func perform(
        _ operation: LedgerOperation, _ db: Database, now: Instant, head: inout Head
    ) throws -> LedgerOutcome {
        switch operation {
        case .append(let attempt, let drop):
            // Times rise strictly, even when the clock does not: queries bisect, file names stay apart.
            head.seq += 1
            head.time = max(now, Instant(microseconds: head.time.microseconds + 1))
            return .appended(try append(attempt, drop, db, seq: head.seq, time: head.time))
        case .released(let drops, let instant):
            for drop in drops {
                try db.cachedStatement(
                    sql: "UPDATE drops SET state = 1, released = ?, ready = ? WHERE id = ? AND state = 0"
                ).execute(arguments: [instant.microseconds, drop.readyPath, drop.id])
                try db.cachedStatement(
                    sql: "DELETE FROM bodies WHERE seq = (SELECT seq FROM drops WHERE id = ?)"
                )
                .execute(arguments: [drop.id])
            }
            return .changed(true)
        case .acknowledge(let id, let instant):
            return try change(
                db, "UPDATE drops SET state = 2, acknowledged = ? WHERE id = ? AND state = 1",
                [instant.microseconds, id])
        case .lost(let id):
            return try change(db, "UPDATE drops SET state = 3 WHERE id = ? AND state = 0", [id])
        case .forgotten(let id):
            return try change(db, "UPDATE drops SET state = 4 WHERE id = ? AND state IN (1, 2)", [id])
        }
    }

    private func change(_ db: Database, _ sql: String, _ arguments: StatementArguments) throws
        -> LedgerOutcome
    {
        try db.cachedStatement(sql: sql).execute(arguments: arguments)
        return .changed(db.changesCount > 0)
    }

    private func append(
        _ attempt: Attempt, _ drop: DropRegistration?, _ db: Database, seq: Int64, time: Instant
    ) throws -> AppendedEntry {
        var attempt = attempt
        var appended = AppendedEntry(seq: seq, time: time)
        if let drop { try register(drop, db, for: &attempt, &appended) }
        let entry = EntryBytes(attempt, seq: seq, time: time, node: node)
        try db.cachedStatement(
            sql: """
                INSERT INTO entries (seq, time, kind, channel, verdict, reason, source, account, json, leaf)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            seq, time.microseconds, attempt.kind.rawValue, attempt.channel?.rawValue,
            attempt.verdict.rawValue,
            attempt.reason.rawValue, attempt.source.map { Data(SourceKey.bytes($0.ip)) }, attempt.account,
            Data(entry.json), Data(entry.leaf),
        ])
        return appended
    }

    /// Decides, inside the transaction, whether the drop is new, a repeat, or the same event with another body.
    private func register(
        _ drop: DropRegistration, _ db: Database, for attempt: inout Attempt, _ appended: inout AppendedEntry
    ) throws {
        let repeated = try String.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM drops WHERE repeat_key = ? ORDER BY seq LIMIT 1"),
            arguments: [Data(drop.repeatKey)])
        let isKnown = try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM drops WHERE id = ?)"), arguments: [drop.id])
        if let repeated {
            attempt.reason = .duplicate
            attempt.detail["duplicate_of"] = .string(repeated)
            appended.repeats = repeated
        } else if let key = drop.eventKey {
            appended.sameEvent = try String.fetchOne(
                db.cachedStatement(sql: "SELECT id FROM drops WHERE event_key = ? ORDER BY seq LIMIT 1"),
                arguments: [Data(key)])
            if let other = appended.sameEvent { attempt.detail["same_event_as"] = .string(other) }
        }
        guard isKnown != true, repeated == nil || drop.keepsRepeats else {
            if let repeated { attempt.drop?.id = repeated }
            appended.repeats = repeated ?? drop.id
            return
        }
        var record = DropRecord(
            id: drop.id, seq: appended.seq, state: .pending, incoming: nil,
            readyPath: drop.readyPath(appended.time), received: appended.time)
        if case .incoming(let path) = drop.content { record.incoming = path }
        attempt.drop?.name = record.readyPath
        try db.cachedStatement(
            sql: """
                INSERT INTO drops (seq, id, state, repeat_key, event_key, incoming, ready, received)
                VALUES (?, ?, 0, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            record.seq, record.id, Data(drop.repeatKey), drop.eventKey.map { Data($0) }, record.incoming,
            record.readyPath, record.received.microseconds,
        ])
        if case .body(let body) = drop.content {
            try db.cachedStatement(sql: "INSERT INTO bodies (seq, body) VALUES (?, ?)")
                .execute(arguments: [record.seq, Data(body)])
        }
        appended.drop = record
    }

    package func pendingDrops(after seq: Int64, limit: Int) throws -> [PendingDrop] {
        try database.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT drops.*, entries.json AS json, bodies.body AS body FROM drops
                    JOIN entries ON entries.seq = drops.seq LEFT JOIN bodies ON bodies.seq = drops.seq
                    WHERE state = 0 AND drops.seq > ? ORDER BY drops.seq LIMIT ?
                    """, arguments: [seq, limit]
            ).map { row in
                PendingDrop(
                    record: DropRecord(row: row), entry: [UInt8](row["json"] as Data),
                    body: (row["body"] as Data?).map { [UInt8]($0) })
            }
        }
    }

    package func drops(
        in state: DropState, changedBefore instant: Instant, after seq: Int64, limit: Int
    ) throws -> [DropRecord] {
        let column = state == .acknowledged ? "acknowledged" : state == .released ? "released" : "received"
        return try database.read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM drops WHERE state = ? AND \(column) < ? AND seq > ? ORDER BY seq LIMIT ?",
                arguments: [state.rawValue, instant.microseconds, seq, limit]
            ).map(DropRecord.init(row:))
        }
    }

    package func drop(id: String) throws -> DropRecord? {
        try database.read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM drops WHERE id = ?", arguments: [id]).map(
                DropRecord.init(row:))
        }
    }

    package func newestUpload(readyPath: String) throws -> DropRecord? {
        try database.read { try DropRecord.newestUpload(readyPath: readyPath, $0) }
    }
}

extension DropRecord {
    static func newestUpload(readyPath: String, _ db: Database) throws -> DropRecord? {
        try Row.fetchOne(
            db, sql: "SELECT * FROM drops WHERE ready = ? AND incoming IS NOT NULL ORDER BY seq DESC LIMIT 1",
            arguments: [readyPath]
        ).map(DropRecord.init(row:))
    }

    init(row: Row) {
        self.init(
            id: row["id"], seq: row["seq"], state: DropState(rawValue: row["state"]) ?? .lost,
            incoming: row["incoming"], readyPath: row["ready"],
            received: Instant(microseconds: row["received"]),
            released: (row["released"] as Int64?).map(Instant.init(microseconds:)),
            acknowledged: (row["acknowledged"] as Int64?).map(Instant.init(microseconds:)))
    }
}

/// How a source address stands in the index: 16 bytes, IPv4 mapped, so that a CIDR block is one range.
enum SourceKey {
    static func bytes(_ ip: IPAddress) -> [UInt8] {
        let bytes = ip.bytes
        return bytes.count == 16 ? bytes : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] + bytes
    }

    /// The lowest and highest key in a block.
    static func range(_ block: CIDRBlock) -> (low: [UInt8], high: [UInt8]) {
        let low = bytes(block.base)
        let prefix = block.base.isIPv4 ? block.prefix + 96 : block.prefix
        var high = low
        for bit in prefix..<128 { high[bit / 8] |= 0x80 >> UInt8(bit % 8) }
        return (low, high)
    }
}
