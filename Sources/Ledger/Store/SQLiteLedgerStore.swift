// The ledger in one SQLite file: entries, drops and the bodies that are not yet staged. Blocking; the writer's
// queue calls it. Entries are only ever inserted.
import Admission
import Files
import Foundation
import GRDB
import JSON
import Synchronization

/// `LedgerStore` in SQLite. Holds an exclusive lock beside the file for as long as it lives.
final class SQLiteLedgerStore: LedgerStore {
    private struct Head {
        var seq: Int64
        var time: Instant
        /// Of entries 0 to `seq`.
        var tree: TileBuilder
    }

    let database: DatabaseQueue
    private let node: String
    private let head: Mutex<Head>
    private let lock: FileLock

    /// Opens or makes the ledger (files 0600, or 0640 where it has readers). Throws `LedgerError`: `.locked` when another process
    /// writes it, `.newer`, `.unwritable`, `.missing` or `.foreign` (`LedgerHandle.isThere`), `.rolledBack` or `.forked` when its
    /// last checkpoint is not of its entries.
    init(_ paths: LedgerPaths, node: String) throws {
        let path = paths.file
        lock = try FileLock(path: path + ".lock")
        self.node = node
        do {
            if try paths.isThere() {
                _ = try ReadOnlyDatabase(paths, isOfAnyFormat: true)
                // Links are refused.
                try FileLock.makePrivateFile(path: path)
            } else {
                try Self.make(path)
            }
            // What is refused here, the gate's start has told.
            try? paths.readers?.admit(file: path)
            database = try Schema.openForWriting(path: path)
            for file in [paths.wal, paths.sharedMemory] { try? paths.readers?.admit(file: file) }
            head = Mutex(
                try database.read { db in
                    let row = try Row.fetchOne(
                        db, sql: "SELECT seq, time FROM entries ORDER BY seq DESC LIMIT 1")
                    let seq: Int64 = row?["seq"] ?? -1
                    return Head(
                        seq: seq, time: Instant(microseconds: row?["time"] ?? Int64.min / 2),
                        tree: try StoredTree.builder(db, size: seq + 1))
                })
            if let newest = try database.read(CheckpointTable.newest) {
                try require(extends: newest.checkpoint, keptBy: "the ledger itself")
            }
        } catch let error as LedgerError {
            throw error
        } catch {
            throw LedgerError(.unwritable, "cannot open the ledger \(path): \(DatabaseTrouble.words(error))")
        }
    }

    /// Makes an empty ledger (0600), which is there whole or not at all: a crash leaves no file that is no ledger. The caller
    /// holds the lock.
    private static func make(_ path: String) throws {
        let temporary = path + ".new"
        for suffix in ["", "-wal", "-shm"] { unlink(temporary + suffix) }
        // SQLite gives its WAL and shared memory files the mode of the database file.
        try FileLock.makePrivateFile(path: temporary)
        // Closing it brings all of it into the one file.
        try Schema.openForWriting(path: temporary).close()
        do throws(SystemError) { try FileReplacement.move(temporary, to: path) } catch {
            throw LedgerError(.unwritable, "cannot name \(path): \(error)")
        }
    }

    /// Closed before the lock is given up, so that the next writer finds no half-closed WAL.
    deinit { try? database.close() }

    /// The value of SQLite's `PRAGMA synchronous` on the open connection: 2 is FULL.
    func synchronousLevel() throws -> Int {
        try database.read { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? -1 }
    }

    func commit(_ operations: [LedgerOperation], now: Instant) throws -> [LedgerOutcome] {
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
            throw LedgerError(.unwritable, "the ledger cannot be written: \(DatabaseTrouble.words(error))")
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
            let clock = head.time - now >= ClockSetBack.tolerance ? now : nil
            if let clock { try ClockSetBack.note(db, seq: head.seq, time: head.time, clock: clock) }
            let (appended, entry) = try append(
                attempt, drop, db, seq: head.seq, time: head.time, clock: clock)
            try head.tree.append(entry.leaf) { try StoredTree.insert($0, db) }
            return .appended(appended)
        case .change(let attempt, let drop):
            guard try change(drop, db) else { return .changed(false) }
            return try perform(.append(attempt, drop: nil), db, now: now, head: &head)
        case .dated(let id, let modified):
            return try change(db, "UPDATE drops SET modified = ? WHERE id = ?", [modified, id])
        case .quarantined(let id):
            return try change(db, "UPDATE drops SET incoming = NULL WHERE id = ? AND state = 5", [id])
        case .released(let drops, let instant):
            for drop in drops {
                try db.cachedStatement(
                    // Of one path these times rise, even when the clock does not: they say who lies there.
                    sql: """
                        UPDATE drops SET state = 1, ready = ?1, released = max(?2, 1 + coalesce((
                          SELECT max(released) FROM drops WHERE ready = ?1 AND incoming IS NOT NULL), 0))
                        WHERE id = ?3 AND state = 0
                        """
                ).execute(arguments: [drop.readyPath, instant.microseconds, drop.id])
                try db.cachedStatement(
                    sql: "DELETE FROM bodies WHERE seq = (SELECT seq FROM drops WHERE id = ?)"
                )
                .execute(arguments: [drop.id])
            }
            return .changed(true)
        case .taken(let drops, let instant):
            return try change(
                db, "UPDATE drops SET state = 6, taken = ?3 WHERE id = ?1 AND ready = ?2 AND state = 1",
                each: drops.map { [$0.id, $0.readyPath, instant.microseconds] })
        case .returned(let drops):
            return try change(
                db, "UPDATE drops SET state = 1, taken = NULL WHERE id = ? AND ready = ? AND state = 6",
                each: drops.map { [$0.id, $0.readyPath] })
        case .acknowledge(let id, let instant):
            return try change(
                db, "UPDATE drops SET state = 2, acknowledged = ? WHERE id = ? AND state IN (1, 6)",
                [instant.microseconds, id])
        case .lost(let id):
            return try change(db, "UPDATE drops SET state = 3 WHERE id = ? AND state = 0", [id])
        case .forgotten(let id):
            return try change(db, "UPDATE drops SET state = 4 WHERE id = ? AND state IN (1, 2, 6)", [id])
        case .checkpoint(let key):
            return .checkpointed(
                try CheckpointTable.sign(db, head.tree.frontier, key, now: max(now, head.time)))
        case .witnessed(let name, let size, let instant):
            return try change(
                db,
                """
                INSERT INTO witnessed (name, size, time) VALUES (?, ?, ?)
                ON CONFLICT(name) DO UPDATE SET size = max(size, excluded.size), time = excluded.time
                """, [name, size, instant.microseconds])
        case .sealed(let segment):
            return try change(
                db,
                """
                INSERT INTO segments (number, first, last, first_time, last_time, sha256, bytes)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """, segment.arguments)
        case .clearSealed(let seq, let limit):
            return try change(
                db,
                "DELETE FROM entries WHERE seq IN (SELECT seq FROM entries WHERE seq < ? ORDER BY seq LIMIT ?)",
                [seq, limit])
        case .segmentRemoved(let number, let entry):
            return try change(
                db, "UPDATE segments SET removal_entry = ? WHERE number = ? AND removal_entry IS NULL",
                [entry, number])
        }
    }

    private func change(_ db: Database, _ sql: String, _ arguments: StatementArguments) throws
        -> LedgerOutcome
    {
        try db.cachedStatement(sql: sql).execute(arguments: arguments)
        return .changed(db.changesCount > 0)
    }

    private func change(_ db: Database, _ sql: String, each arguments: [StatementArguments]) throws
        -> LedgerOutcome
    {
        var isAny = false
        for arguments in arguments {
            if case .changed(true) = try change(db, sql, arguments) { isAny = true }
        }
        return .changed(isAny)
    }

    /// Returns whether the drop was in the state that the change is from.
    private func change(_ change: DropChange, _ db: Database) throws -> Bool {
        switch change.kind {
        case .renamed(let name, let readyPath, let incoming, let due):
            try db.cachedStatement(
                sql: """
                    UPDATE drops SET state = 0, released = NULL, name = ?, ready = ?, incoming = ?, due = ?
                    WHERE id = ? AND state = ?
                    """
            ).execute(arguments: [
                name, readyPath, incoming, due.microseconds, change.id, change.from.rawValue,
            ])
        case .withdrawn(let incoming):
            try db.cachedStatement(
                sql: "UPDATE drops SET state = 5, incoming = ?, due = NULL WHERE id = ? AND state = ?"
            ).execute(arguments: [incoming, change.id, change.from.rawValue])
        case .acknowledged(let instant):
            try db.cachedStatement(
                sql: "UPDATE drops SET state = 2, acknowledged = ? WHERE id = ? AND state = ?"
            ).execute(arguments: [instant.microseconds, change.id, change.from.rawValue])
        }
        return db.changesCount > 0
    }

    private func append(
        _ attempt: Attempt, _ drop: DropRegistration?, _ db: Database, seq: Int64, time: Instant,
        clock: Instant?
    ) throws -> (AppendedEntry, EntryBytes) {
        var attempt = attempt
        var appended = AppendedEntry(seq: seq, time: time)
        if let drop { try register(drop, db, for: &attempt, &appended) }
        let entry = EntryBytes(attempt, seq: seq, time: time, clock: clock, node: node)
        try db.cachedStatement(
            sql: """
                INSERT INTO entries (seq, time, kind, channel, verdict, reason, source, account, json)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            seq, time.microseconds, attempt.kind.rawValue, attempt.channel?.rawValue,
            attempt.verdict.rawValue,
            attempt.reason.rawValue, attempt.source.map { Data(SourceKey.bytes($0.ip)) }, attempt.account,
            Data(entry.json),
        ])
        return (appended, entry)
    }

    /// Decides, inside the transaction, whether the drop is new, a repeat, or the same event with another body.
    private func register(
        _ drop: DropRegistration, _ db: Database, for attempt: inout Attempt, _ appended: inout AppendedEntry
    ) throws {
        let oldest = drop.repeatsWithin.map { (appended.time - $0).microseconds }
        func repeated(_ key: [UInt8]) throws -> String? {
            // By the times of entries: what was held or pulled was received before, and by another clock.
            try String.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT id FROM drops WHERE repeat_key = ?1 AND (?2 IS NULL OR ?2 < coalesce(
                          (SELECT time FROM entries WHERE entries.seq = drops.seq),
                          (SELECT last_time FROM segments WHERE drops.seq BETWEEN first AND last)))
                        ORDER BY seq LIMIT 1
                        """),
                arguments: [Data(key), oldest])
        }
        func sameEvent(_ key: [UInt8]) throws -> String? {
            try String.fetchOne(
                db.cachedStatement(sql: "SELECT id FROM drops WHERE event_key = ? ORDER BY seq LIMIT 1"),
                arguments: [Data(key)])
        }
        let former = drop.formerKeys
        // What was stored under a former key is the older one.
        let repeated = try former.flatMap { try repeated($0.repeatKey) } ?? repeated(drop.repeatKey)
        let isKnown = try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM drops WHERE id = ?)"), arguments: [drop.id])
        if let repeated {
            attempt.reason = .duplicate
            attempt.detail["duplicate_of"] = .string(repeated)
            appended.repeats = repeated
        } else if let key = drop.eventKey {
            appended.sameEvent = try former?.eventKey.flatMap(sameEvent) ?? sameEvent(key)
            if let other = appended.sameEvent { attempt.detail["same_event_as"] = .string(other) }
        }
        guard isKnown != true, repeated == nil || drop.keepsRepeats else {
            if let repeated { attempt.drop?.id = repeated }
            appended.repeats = repeated ?? drop.id
            return
        }
        var record = DropRecord(
            id: drop.id, seq: appended.seq, state: .pending, incoming: nil,
            readyPath: drop.readyPath(appended.time), received: attempt.drop?.received ?? appended.time,
            name: drop.name,
            due: drop.settle.map { appended.time + $0 })
        if case .incoming(let path) = drop.content { record.incoming = path }
        attempt.drop?.name = record.readyPath
        try db.cachedStatement(
            sql: """
                INSERT INTO drops (seq, id, state, repeat_key, event_key, incoming, ready, received, name, due)
                VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            record.seq, record.id, Data(drop.repeatKey), drop.eventKey.map { Data($0) }, record.incoming,
            record.readyPath, record.received.microseconds, record.name, record.due?.microseconds,
        ])
        if case .body(let body) = drop.content {
            try db.cachedStatement(sql: "INSERT INTO bodies (seq, body) VALUES (?, ?)")
                .execute(arguments: [record.seq, Data(body)])
        }
        appended.drop = record
    }

    func size() throws -> Int64 { head.withLock { $0.tree.size } }

    func lastTime() throws -> Instant? { head.withLock { $0.seq < 0 ? nil : $0.time } }

    func root(size: Int64) throws -> MerkleHash {
        let whole = head.withLock { $0.tree.size }
        return try database.readLedger { try StoredTree.tree($0, size: whole).root(size: size) }
    }

    func pendingDrops(after seq: Int64, limit: Int) throws -> [PendingDrop] {
        try database.readLedger { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT pending.*, entries.json AS json, bodies.body AS body
                    FROM (SELECT * FROM \(Schema.drops(in: .pending)) AND seq > ? ORDER BY seq LIMIT ?) AS pending
                    JOIN entries ON entries.seq = pending.seq LEFT JOIN bodies ON bodies.seq = pending.seq
                    ORDER BY pending.seq
                    """, arguments: [seq, limit]
            ).map { row in
                PendingDrop(
                    record: DropRecord(row: row), entry: [UInt8](row["json"] as Data),
                    body: (row["body"] as Data?).map { [UInt8]($0) })
            }
        }
    }

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
        return try database.readLedger { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM \(Schema.drops(in: state)) AND \(column) < ? AND seq > ? ORDER BY seq LIMIT ?
                    """,
                arguments: [instant.microseconds, seq, limit]
            ).map(DropRecord.init(row:))
        }
    }

    func drop(id: String) throws -> DropRecord? {
        try database.readLedger { db in
            try Row.fetchOne(db, sql: "SELECT * FROM drops WHERE id = ?", arguments: [id]).map(
                DropRecord.init(row:))
        }
    }

    func newestUpload(readyPath: String) throws -> DropRecord? {
        try database.readLedger { try DropRecord.newestUpload(readyPath: readyPath, $0) }
    }

    func newestUploads(readyPaths: [String]) throws -> [(record: DropRecord, entry: [UInt8])] {
        try database.readLedger { db in
            try readyPaths.compactMap { path in
                guard let record = try DropRecord.newestUpload(readyPath: path, db) else { return nil }
                return try withEntry(record, db)
            }
        }
    }

    func withdrawnDrops() throws -> [(record: DropRecord, entry: [UInt8])] {
        try database.readLedger { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM \(Schema.drops(in: .withdrawn)) AND incoming IS NOT NULL ORDER BY seq"
            ).compactMap { try withEntry(DropRecord(row: $0), db) }
        }
    }

    private func withEntry(_ record: DropRecord, _ db: Database) throws -> (
        record: DropRecord, entry: [UInt8]
    )? {
        try Data.fetchOne(
            db.cachedStatement(sql: "SELECT json FROM entries WHERE seq = ?"), arguments: [record.seq]
        ).map { (record, [UInt8]($0)) }
    }
}
