// The ledger in one SQLite file: entries, drops and the bodies that are not yet staged. Blocking; the writer's
// queue calls it. Entries are only ever inserted.
import Admission
import Files
import Foundation
import GRDB
import JSON
import Synchronization

/// `LedgerStore` in SQLite. Holds an exclusive lock beside the file until it is closed.
final class SQLiteLedgerStore: LedgerStore {
    private struct Head {
        var seq: Int64
        var time: Instant
        /// Of entries 0 to `seq`.
        var tree: TileBuilder
    }

    private let connection: OpenDatabase
    private let paths: LedgerPaths
    let node: String
    /// Nobody who has it waits for the database: who looks has the database first.
    let keys: Mutex<DropKeyIndex>
    let former: FormerDrops?
    private let head: Mutex<Head>
    private let files: OpenFiles
    /// nil once it is closed: who is at the database then has the lock to the end of that.
    private let lock: Mutex<LedgerLock?>
    /// Why only a new start may write again; nil: this process may.
    private let outrun = Mutex<LedgerError?>(nil)
    private let checkpoint: LogCheckpoint

    /// Opens or makes the ledger (files 0600, or 0640 where it has readers). Throws `LedgerError`: `.locked` when another process
    /// writes it, `.newer`, `.unwritable`, `.missing` or `.foreign` (`LedgerHandle.isThere`), `.rolledBack` or `.forked` when its
    /// last checkpoint is not of its entries.
    /// - Parameter progress: is told what is done to a large ledger of an earlier format before it can be used.
    init(_ paths: LedgerPaths, node: String, progress: (String) -> Void = { _ in }) throws {
        let path = paths.file
        let taken = try LedgerLock(paths)
        lock = Mutex(taken)
        self.paths = paths
        self.node = node
        do {
            if try paths.isThere() {
                _ = try ReadOnlyDatabase(paths, isOfAnyFormat: true, isByWriter: true)
                // Links are refused.
                try FileLock.makePrivateFile(path: path)
            } else {
                try Self.make(path)
            }
            // What is refused here, the gate's start has told.
            try? paths.readers?.admit(file: path)
            let database = try Schema.openForWriting(path: path, keeping: taken, progress: progress)
            connection = OpenDatabase(database)
            for file in [paths.wal, paths.sharedMemory] { try? paths.readers?.admit(file: file) }
            head = Mutex(try database.read(Self.readHead))
            keys = Mutex(try database.read { try DropKeyIndex($0) })
            former = try database.read { try FormerDrops($0) }
            checkpoint = try LogCheckpoint(of: database)
            files = OpenFiles(paths)
            taken.writeDown(files.note, paths)
            if let newest = try database.read(CheckpointTable.newest) {
                try require(extends: newest.checkpoint, keptBy: "the ledger itself")
            }
        } catch {
            let error = LedgerError.ofDamage(error)
            if let known = error as? LedgerError { throw known }
            throw LedgerError(.unwritable, "cannot open the ledger \(path)", of: error, in: paths.directory)
        }
    }

    /// Makes an empty ledger (0600), which is there whole or not at all: a crash leaves no file that is no ledger. The caller
    /// holds the lock.
    private static func make(_ path: String) throws {
        let temporary = path + ".new"
        for suffix in ["", "-wal", "-shm"] { unlink(temporary + suffix) }
        // SQLite gives its WAL and shared memory files the mode of the database file.
        try FileLock.makePrivateFile(path: temporary)
        try Schema.make(path: temporary)
        do throws(SystemError) { try FileReplacement.move(temporary, to: path) } catch {
            throw LedgerError(cannot: "name", path, error)
        }
    }

    /// What comes next follows it.
    private static func readHead(_ db: Database) throws -> Head {
        let last = try Row.fetchOne(db, sql: "SELECT seq, time, json FROM entries ORDER BY seq DESC LIMIT 1")
        let row = last.map { TableRow($0, of: "entries") }
        let seq = try row?.seq("seq") ?? -1
        let isEntry = try row?.bytes("json").withUnsafeBytes { EntryScan($0)?.seq == seq } ?? true
        guard isEntry else {
            throw LedgerError(
                .forked,
                "its newest entry, \(seq), was not written there by a gate: another program has changed the ledger",
                fix: LedgerError.adviceOnDamage)
        }
        return Head(
            seq: seq, time: try row?.time("time") ?? Instant(microseconds: .min / 2),
            tree: try StoredTree.builder(db, size: seq + 1))
    }

    deinit { close() }

    /// The lock goes with the database, once nobody is at it any more: who writes next finds no half-closed log, and who reads does not look
    /// for one.
    func close() {
        checkpoint.close(of: connection)
        connection.close()
        lock.withLock { $0 = nil }
    }

    /// Throws `LedgerError` once the store is closed.
    var database: DatabaseQueue {
        get throws {
            guard let queue = connection.queue else {
                throw LedgerError(.unwritable, "the ledger is closed: the gate is stopping")
            }
            return queue
        }
    }

    /// The value of SQLite's `PRAGMA synchronous` on the open connection: 2 is FULL.
    func synchronousLevel() throws -> Int {
        try database.read { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? -1 }
    }

    func commit(_ operations: [LedgerOperation], now: Instant) throws -> [LedgerOutcome] {
        try requireInPlace()
        try keepLock()
        var next = head.withLock { $0 }
        var outcomes: [LedgerOutcome] = []
        outcomes.reserveCapacity(operations.count)
        let before = keys.withLock(\.mark)
        do {
            var change: DropKeyIndex.Change?
            try database.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    try Self.requireNewest(next.seq, db)
                    change = try keys.withLock { try $0.upkeep(db) }
                    for operation in operations {
                        outcomes.append(try perform(operation, db, now: now, head: &next))
                    }
                    return .commit
                }
            }
            if let change { keys.withLock { $0.apply(change) } }
        } catch {
            keys.withLock { $0.goBack(to: before) }
            throw LedgerError(.unwritable, "the ledger cannot be written", of: error, in: paths.directory)
        }
        head.withLock { $0 = next }
        return outcomes
    }

    func requireInPlace() throws {
        if let error = outrun.withLock(\.self) { throw error }
        try files.requireInPlace()
    }

    /// True, too, once it is closed: it has nothing to lock any more.
    var hasLock: Bool { lock.withLock { $0?.isInPlace ?? true } }

    /// Where the lock's file was removed, another process may have locked a new one and written. It is taken again once it is free.
    /// Throws `LedgerError`: `.locked` until then, and from then on `.outrun` where somebody has written: a new start reads all of that,
    /// this process would not.
    private func keepLock() throws {
        guard !hasLock else { return }
        let taken = try FileLock(path: paths.lock, tries: 1)
        let newest = try database.read { try Self.newest($0) }
        guard newest == head.withLock(\.seq) else {
            let error = LedgerError(
                .outrun,
                "another process has written the ledger, up to entry \(newest), while this gate did not hold its lock",
                fix: "restart the gate, which then continues after that entry")
            outrun.withLock { $0 = error }
            throw error
        }
        lock.withLock {
            $0?.replace(by: taken)
            $0?.writeDown(files.note, paths)
        }
    }

    /// The number of the newest entry; -1 where there is none.
    private static func newest(_ db: Database) throws -> Int64 {
        let statement = try HotStatement(db, "SELECT seq FROM entries ORDER BY seq DESC LIMIT 1")
        var found: Int64 = -1
        try statement.forEach { row in
            found = row.int(0)
            return false
        }
        return found
    }

    /// Throws unless the newest entry is the one that this process knows as that: what somebody else appends, who asks for no lock, is in
    /// no tree and no checkpoint.
    private static func requireNewest(_ seq: Int64, _ db: Database) throws {
        let found = try newest(db)
        guard found == seq else {
            throw LedgerError(
                .forked, "its newest entry is \(found), and not \(seq): another program has changed it",
                fix:
                    "stop that program and the gate, keep the file as evidence, and run `dropgate ledger verify`"
            )
        }
    }

    private func perform(
        _ operation: LedgerOperation, _ db: Database, now: Instant, head: inout Head
    ) throws -> LedgerOutcome {
        switch operation {
        case .append(let new):
            // Times rise strictly, even when the clock does not: queries bisect, file names stay apart.
            head.seq += 1
            head.time = max(now, Instant(microseconds: head.time.microseconds + 1))
            let clock = head.time - now >= ClockSetBack.tolerance ? now : nil
            if let clock { try ClockSetBack.note(db, seq: head.seq, time: head.time, clock: clock) }
            let (appended, entry) = try append(new, db, seq: head.seq, time: head.time, clock: clock)
            try head.tree.append(entry.leaf) { try StoredTree.insert($0, db) }
            return .appended(appended)
        case .change(let attempt, let drop):
            guard try change(drop, db) else { return .changed(false) }
            return try perform(.append(attempt, drop: nil), db, now: now, head: &head)
        case .together(let operations):
            for case .change(_, let drop) in operations where try !mayMake(drop, db) {
                return .changed(false)
            }
            var entries: [AppendedEntry] = []
            for operation in operations {
                entries.append(try LedgerWriter.appended(perform(operation, db, now: now, head: &head)))
            }
            return .together(entries)
        case .checkpoint(let key):
            return .checkpointed(
                try CheckpointTable.sign(db, head.tree.frontier, key, now: max(now, head.time)))
        case .released(let drops, let instant):
            let released = try DropRelease(drops, at: instant, db) { try seq(of: $0, db) }.run()
            return .released(events: released.events, uploads: released.uploads)
        case .dated, .letGo, .quarantined, .taken, .returned, .acknowledge, .forgotten:
            return .changed(try changeDrops(operation, db))
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
        case .segmentRemoved(let segment):
            let marked = try change(
                db, "UPDATE segments SET removal_entry = ? WHERE number = ? AND removal_entry IS NULL",
                [head.seq + 1, segment.number])
            guard case .changed(true) = marked else { return marked }
            return try perform(.append(segment.removal, drop: nil), db, now: now, head: &head)
        case .touch:
            // SQLite writes the page also where the number stays as it is; of a row that stays it might not.
            let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? Schema.version
            try db.execute(sql: "PRAGMA user_version = \(version)")
            return .changed(true)
        }
    }

    private func change(_ db: Database, _ sql: String, _ arguments: StatementArguments) throws
        -> LedgerOutcome
    {
        try db.cachedStatement(sql: sql).execute(arguments: arguments)
        return .changed(db.changesCount > 0)
    }

    func size() throws -> Int64 { head.withLock { $0.tree.size } }

    func lastTime() throws -> Instant? { head.withLock { $0.seq < 0 ? nil : $0.time } }

    func root(size: Int64) throws -> MerkleHash {
        let whole = head.withLock(\.tree)
        return try database.readLedger {
            try StoredTree.tree($0, size: whole.size, UnfinishedTiles(of: whole)).root(size: size)
        }
    }

    func drop(id: String) throws -> DropRecord? {
        try database.readLedger { db in
            try seq(of: id, db).flatMap {
                try Row.fetchOne(db, sql: "SELECT * FROM drops WHERE seq = ?", arguments: [$0])
            }.map(DropRecord.init(row:))
        }
    }

    func newestUpload(readyPath: String) throws -> DropRecord? {
        try database.readLedger { try DropRecord.newestUpload(readyPath: readyPath, $0) }
    }

    func newestUploads(readyPaths: [String]) throws -> [(record: DropRecord, entry: [UInt8]?)] {
        try database.readLedger { db in
            try readyPaths.compactMap { path in
                guard let record = try DropRecord.newestUpload(readyPath: path, db) else { return nil }
                let entry = try unsealedEntry(record.seq, db)
                return (record: record, entry: entry)
            }
        }
    }

    func withdrawnDrops() throws -> [(record: DropRecord, entry: [UInt8])] {
        try database.readLedger { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM \(Schema.drops(in: .withdrawn)) AND incoming IS NOT NULL ORDER BY seq"
            ).compactMap { row in
                // As of `pendingDrop`.
                do {
                    let record = try DropRecord(row: row)
                    guard let entry = try unsealedEntry(record.seq, db) ?? (try? self.entry(record.seq, db))
                    else { return nil }
                    return (record: record, entry: entry)
                } catch is LedgerError {
                    return nil
                }
            }
        }
    }

    func entry(seq: Int64) throws -> [UInt8]? { try database.readLedger { try self.entry(seq, $0) } }

    /// Also of one that was sealed.
    func entry(_ seq: Int64, _ db: Database) throws -> [UInt8]? {
        if let entry = try unsealedEntry(seq, db) { return entry }
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT * FROM segments WHERE first <= ?1 AND last >= ?1 AND \(LedgerSegment.isPossibleRow)
                AND removal_entry IS NULL
                """, arguments: [seq])
        guard let segment = try row.map(LedgerSegment.init(row:)) else { return nil }
        let line = seq - segment.first
        var found: [UInt8]?
        try SegmentFile.read("\(paths.segments)/\(segment.fileName)", from: line) { number, json in
            if number == line { found = Array(json) }
            return number < line
        }
        return found
    }

    private func unsealedEntry(_ seq: Int64, _ db: Database) throws -> [UInt8]? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT seq, json FROM entries WHERE seq = ? AND seq > \(Schema.lastSealed)"),
            arguments: [seq]
        ).map { try TableRow($0, of: "entries").bytes("json") }
    }
}
