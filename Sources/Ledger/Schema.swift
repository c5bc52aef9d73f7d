// The SQLite schema of the ledger and how a connection to it is opened. Durability is set here, and asserted.
import Foundation
import GRDB

enum Schema {
    /// `PRAGMA user_version`. A higher one in the file was written by a newer Dropgate.
    static let version = 1

    /// `entries.json` holds the exact canonical bytes; the columns beside it serve queries only. There is no
    /// index on time: times rise with seq, so a time is found by bisecting seq.
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
          json BLOB NOT NULL,
          leaf BLOB NOT NULL
        );
        CREATE INDEX entries_source ON entries(source) WHERE source IS NOT NULL;
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
          acknowledged INTEGER
        );
        CREATE INDEX drops_repeat ON drops(repeat_key);
        CREATE INDEX drops_event ON drops(event_key) WHERE event_key IS NOT NULL;
        CREATE INDEX drops_upload ON drops(ready) WHERE incoming IS NOT NULL;
        CREATE INDEX drops_unfinished ON drops(state, seq) WHERE state <> 1;
        CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
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
            try db.execute(sql: "PRAGMA journal_size_limit = 67108864")
            guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2,
                try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal"
            else { throw LedgerError(.unwritable, "\(path): SQLite refuses WAL with synchronous=FULL") }
        }
        try database.write { db in
            let found = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            if found == 0 {
                try db.execute(sql: statements)
                try db.execute(sql: "PRAGMA user_version = \(version)")
            } else if found != version {
                throw LedgerError(
                    .newer,
                    "\(path) has ledger format \(found), this program knows \(version): use the program that wrote it"
                )
            }
        }
        return database
    }

    /// Opens the ledger for reading beside its writer.
    static func openForReading(path: String) throws -> DatabaseQueue {
        guard FileManager.default.fileExists(atPath: path) else {
            throw LedgerError(
                .unreadable, "there is no ledger at \(path): has the gate run with this configuration?")
        }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        return try DatabaseQueue(path: path, configuration: configuration)
    }
}
