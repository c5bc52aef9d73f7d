// The SQLite schema of the ledger and how a connection to it is opened. Durability is set here, and asserted.
import Files
import Foundation
import GRDB

enum Schema {
    /// `PRAGMA user_version`. A higher one in the file was written by a newer Dropgate.
    static let version = 5

    /// What the gate says of itself: starts, stops, changes of lists and of accounts. Few among all that callers bring about.
    static let gateEntries = "entries INDEXED BY entries_gate"
    static let gateKinds: Set<EntryKind> = [.policy, .service]
    static let isGateEntry = "kind IN ('policy', 'service')"

    private static let isUnfinished = "state <> 1"

    /// In SQL, the last entry that is sealed; -1: none is. Sealed entries are read from their files alone: what `entries` has up to
    /// there was left by a stop before it was cleared, or put there by somebody. The newest file has the highest number, by which
    /// it is found at once.
    static let lastSealed =
        "coalesce((SELECT last FROM segments WHERE \(LedgerSegment.isPossibleRow) ORDER BY number DESC LIMIT 1), -1)"

    /// For `SELECT … FROM`: the drops in a state, which further conditions may follow by AND; in the order of their numbers at
    /// no cost. SQLite uses a partial index only for a query that asks for the same in the same words, whatever else follows
    /// from it, and by INDEXED BY fails when it cannot.
    static func drops(in state: DropState) -> String {
        state == .released
            ? "drops INDEXED BY drops_released WHERE state = 1"
            : "drops INDEXED BY drops_unfinished WHERE state = \(state.rawValue) AND \(isUnfinished)"
    }

    /// `entries.json` holds the exact canonical bytes; the columns beside it serve queries only. There is no
    /// index on time: times rise with seq, so a time is found by bisecting seq. Sources are indexed day by day, so
    /// that appends touch the pages of one day only, however large the ledger is: see `SQL.day`.
    static let statements = """
        CREATE TABLE entries (
          seq INTEGER PRIMARY KEY,
          time INTEGER NOT NULL,
          kind TEXT NOT NULL,
          channel TEXT,
          verdict TEXT NOT NULL,
          reason TEXT NOT NULL,
          source BLOB,
          account TEXT,
          json BLOB NOT NULL
        );
        CREATE INDEX entries_source ON entries(time / 86400000000, source) WHERE source IS NOT NULL;
        CREATE INDEX entries_account ON entries(account) WHERE account IS NOT NULL;
        \(gateIndex)
        \(dropStatements)
        CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
        """

    /// `upgraded` has a row for each format that the ledger was brought up to date from: how many drops it had then, and the time
    /// of its newest entry. Drops are found by their keys through `DropKeyTable`.
    static let dropStatements = """
        CREATE TABLE drops (
          seq INTEGER PRIMARY KEY,
          id TEXT NOT NULL,
          state INTEGER NOT NULL,
          repeat_key BLOB NOT NULL,
          event_key BLOB,
          incoming TEXT,
          ready TEXT NOT NULL,
          received INTEGER NOT NULL,
          released INTEGER,
          acknowledged INTEGER,
          name TEXT,
          due INTEGER,
          modified INTEGER,
          taken INTEGER
        );
        \(dropIndices)
        CREATE TABLE upgraded (format INTEGER PRIMARY KEY, drops INTEGER NOT NULL, time INTEGER NOT NULL);
        \(DropKeyTable.statements)
        """

    static let gateIndex = "CREATE INDEX entries_gate ON entries(seq) WHERE \(isGateEntry);"
    private static let dropIndices = """
        CREATE INDEX drops_upload ON drops(ready) WHERE incoming IS NOT NULL;
        CREATE INDEX drops_unfinished ON drops(state, seq) WHERE \(isUnfinished);
        CREATE INDEX drops_released ON drops(seq) WHERE state = 1;
        CREATE INDEX drops_acknowledged ON drops(acknowledged) WHERE state = 2;
        CREATE INDEX drops_taken ON drops(taken) WHERE state = 6;
        """

    /// Full tiles (`MerkleTile`) by level << 48 | number, checkpoints by size, how far each witness has come, and
    /// segment files of sealed entries.
    static let treeStatements = """
        CREATE TABLE tiles (id INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
        CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, time INTEGER NOT NULL, note TEXT NOT NULL);
        CREATE TABLE witnessed (name TEXT PRIMARY KEY, size INTEGER NOT NULL, time INTEGER NOT NULL);
        CREATE TABLE segments (
          number INTEGER PRIMARY KEY,
          first INTEGER NOT NULL,
          last INTEGER NOT NULL,
          first_time INTEGER NOT NULL,
          last_time INTEGER NOT NULL,
          sha256 BLOB NOT NULL,
          bytes INTEGER NOT NULL,
          removal_entry INTEGER
        );
        """

    /// Opens the ledger for its one writer: WAL, synchronous=FULL. GRDB sets synchronous=NORMAL while it opens
    /// a WAL database, so FULL is set afterwards and read back.
    /// - Parameters:
    ///   - lock: kept until the connection is closed.
    ///   - progress: is told how far a large ledger of an earlier format is brought up to date.
    static func openForWriting(
        path: String, keeping lock: LedgerLock, progress: (String) -> Void
    ) throws -> DatabaseQueue {
        var configuration = Configuration.ofService
        configuration.keep(lock)
        configuration.label = "ledger"
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try database.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            // For as long as no `LogCheckpoint` takes it over.
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
            // KiB: the pages that appends touch stay in memory.
            try db.execute(sql: "PRAGMA cache_size = -32768")
            try db.execute(sql: "PRAGMA journal_size_limit = 67108864")
            // Bodies that were released are overwritten by zeros, whatever SQLite was compiled to do: in the file with the next
            // checkpoint; its log has them until it begins anew.
            try db.execute(sql: "PRAGMA secure_delete = ON")
            guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2,
                try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal"
            else { throw LedgerError(.unwritable, "\(path): SQLite refuses WAL with synchronous=FULL") }
        }
        try database.write { try prepare($0, path: path, progress) }
        return database
    }

    /// Makes a ledger without entries in an empty file. Nobody may look for it there yet: only when this returns is it whole and
    /// durable, by one fsync.
    static func make(path: String) throws {
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = OFF")
            try db.execute(sql: "PRAGMA journal_mode = MEMORY")
            try db.inTransaction {
                try prepare(db, path: path) { _ in }
                return .commit
            }
            // The file says so to all who open it.
            try db.execute(sql: "PRAGMA journal_mode = WAL")
        }
        // Closing it brings all of it into the one file.
        try database.close()
        do throws(SystemError) { try FileReplacement.sync(path) } catch {
            throw LedgerError(cannot: "sync", path, error)
        }
    }

    private static func prepare(_ db: Database, path: String, _ progress: (String) -> Void) throws {
        let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        switch found {
        case version: return
        case 0:
            // A file that was there was looked at before (`ReadOnlyDatabase`): only a new one has no format.
            try db.execute(sql: statements + treeStatements + ClockSetBack.table)
        case 1..<version: try Upgrade(db, path: path).run(from: found, progress: progress)
        default: throw newer(found, path)
        }
        try db.execute(sql: "PRAGMA user_version = \(version)")
    }

    static func newer(_ found: Int, _ path: String) -> LedgerError {
        LedgerError(
            .newer,
            "\(path) has ledger format \(found), this program knows \(version)",
            fix: "use the program that wrote it, or a later release")
    }
}
