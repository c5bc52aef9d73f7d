// The SQLite schema of the ledger and how a connection to it is opened. Durability is set here, and asserted.
import Foundation
import GRDB

enum Schema {
    /// `PRAGMA user_version`. A higher one in the file was written by a newer Dropgate.
    static let version = 4

    private static let isUnfinished = "state <> 1"

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
        CREATE TABLE drops (
          seq INTEGER PRIMARY KEY,
          id TEXT NOT NULL UNIQUE,
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
        CREATE INDEX drops_repeat ON drops(repeat_key);
        CREATE INDEX drops_event ON drops(event_key) WHERE event_key IS NOT NULL;
        CREATE INDEX drops_upload ON drops(ready) WHERE incoming IS NOT NULL;
        CREATE INDEX drops_unfinished ON drops(state, seq) WHERE \(isUnfinished);
        \(releasedIndex)
        CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
        """

    private static let releasedIndex = "CREATE INDEX drops_released ON drops(seq) WHERE state = 1;"

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
    static func openForWriting(path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "ledger"
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try database.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
            // KiB: the pages that appends touch stay in memory.
            try db.execute(sql: "PRAGMA cache_size = -32768")
            try db.execute(sql: "PRAGMA journal_size_limit = 67108864")
            guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2,
                try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal"
            else { throw LedgerError(.unwritable, "\(path): SQLite refuses WAL with synchronous=FULL") }
        }
        try database.write { try prepare($0, path: path) }
        return database
    }

    private static func prepare(_ db: Database, path: String) throws {
        switch try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 {
        case version: return
        case 0:
            // A file that was there was looked at before (`ReadOnlyDatabase`): only a new one has no format.
            try db.execute(sql: statements + treeStatements + ClockSetBack.table)
        case 1:
            try upgradeFromFirst(db)
            try upgradeFromSecond(db)
            try upgradeFromThird(db)
        case 2:
            try upgradeFromSecond(db)
            try upgradeFromThird(db)
        case 3: try upgradeFromThird(db)
        case let found: throw newer(found, path)
        }
        try db.execute(sql: "PRAGMA user_version = \(version)")
    }

    static func newer(_ found: Int, _ path: String) -> LedgerError {
        LedgerError(
            .newer,
            "\(path) has ledger format \(found), this program knows \(version): use the program that wrote it"
        )
    }

    /// Format 1 kept the leaf hash beside each entry and had no tree.
    private static func upgradeFromFirst(_ db: Database) throws {
        try db.execute(sql: treeStatements)
        try db.execute(sql: "DROP INDEX entries_source")
        try db.execute(sql: "ALTER TABLE entries DROP COLUMN leaf")
        try db.execute(
            sql: "CREATE INDEX entries_source ON entries(time / 86400000000, source) WHERE source IS NOT NULL"
        )
        var builder = TileBuilder()
        let rows = try Data.fetchCursor(db, sql: "SELECT json FROM entries ORDER BY seq")
        while let json = try rows.next() {
            try builder.append(MerkleHash.leaf(Array(json))) { try StoredTree.insert($0, db) }
        }
    }

    /// Format 2 knew no drops that settle, and no name but the one under `ready/`.
    private static func upgradeFromSecond(_ db: Database) throws {
        for column in ["name TEXT", "due INTEGER", "modified INTEGER"] {
            try db.execute(sql: "ALTER TABLE drops ADD COLUMN \(column)")
        }
    }

    /// Format 3 did not tell when the clock was behind, nor drops that a consumer has taken from those that wait.
    private static func upgradeFromThird(_ db: Database) throws {
        try db.execute(sql: ClockSetBack.table)
        try db.execute(sql: "ALTER TABLE drops ADD COLUMN taken INTEGER")
        try db.execute(sql: releasedIndex)
    }
}
