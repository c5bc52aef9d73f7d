// Brings SQLite's write-ahead log into the ledger's file beside the commits, not within one of them.
import Dispatch
import GRDB
import GRDBSQLite
import Synchronization

/// What `PRAGMA wal_autocheckpoint` does for a connection, on a connection and a thread of its own. A commit that checkpoints takes
/// as long as to sync thousands of pages, and every sender waits for it. Here a commit brings in only what came meanwhile, a few
/// pages, so that the log can begin anew (SQLite, "Write-Ahead Logging", "Checkpointing").
final class LogCheckpoint: Sendable {
    /// Whose turn it is. Pure.
    struct Turn {
        enum Step { case nothing, copy, finish }

        private enum Phase {
            case idle
            case copying
            /// All but the newest pages are in the file.
            case copied
        }

        /// Pages in the log from which on it is brought in: 47 MiB, less than what of the file stays when the log begins anew
        /// (`journal_size_limit`). The commit that brings in the last of them syncs the ledger's file and waits for the filesystem's
        /// journal, some milliseconds; with 4,000 pages that was every half a second under load.
        static let pages: Int32 = 12_000
        private var phase = Phase.idle

        /// After a commit that left so many pages in the log. `.copy`: the other thread is to begin; `.finish`: the commit's own
        /// connection is to bring in what is left.
        mutating func committed(_ pages: Int32) -> Step {
            switch phase {
            case .idle:
                guard pages >= Self.pages else { return .nothing }
                phase = .copying
                return .copy
            case .copying: return .nothing
            case .copied:
                phase = .idle
                return .finish
            }
        }

        mutating func copied() { phase = .copied }
    }

    private let connection: OpenDatabase
    private let queue = DispatchQueue(label: "ledger.checkpoint", qos: .utility)
    private let turn = Mutex(Turn())
    private let room: LogRoom

    /// Takes over from the checkpoints of a connection, which must be closed before this goes away. Throws `DatabaseError`.
    init(of writer: DatabaseQueue) throws {
        var configuration = Configuration.ofService
        configuration.label = "ledger checkpoint"
        configuration.busyMode = .timeout(5)
        let database = try DatabaseQueue(path: writer.path, configuration: configuration)
        connection = OpenDatabase(database)
        room = LogRoom(path: writer.path + "-wal")
        try database.writeWithoutTransaction { db in
            // The log is synced before its pages go into the file, and the file before the log begins anew.
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        _ = writer.writeWithoutTransaction { db in
            sqlite3_wal_hook(
                db.sqliteConnection,
                { context, connection, name, pages in
                    guard let context, let connection else { return SQLITE_OK }
                    let checkpoint = Unmanaged<LogCheckpoint>.fromOpaque(context).takeUnretainedValue()
                    checkpoint.room.make(after: pages, syncing: checkpoint.queue)
                    switch checkpoint.turn.withLock({ $0.committed(pages) }) {
                    case .nothing: break
                    case .copy: checkpoint.queue.async { checkpoint.copy() }
                    case .finish: LogCheckpoint.run(connection, name)
                    }
                    return SQLITE_OK
                }, Unmanaged.passUnretained(self).toOpaque())
        }
    }

    /// Waits for a checkpoint in hand, and brings in what is left: SQLite does so where the last connection closes, and a reader may
    /// close later. Whoever copies the file of a gate that has stopped has all of it.
    func close(of writer: OpenDatabase) {
        queue.sync {}
        connection.close()
        writer.queue?.writeWithoutTransaction { db in
            if let connection = db.sqliteConnection { Self.run(connection, "main") }
        }
    }

    private func copy() {
        // A failure is one of the disk, which the next commit meets, too.
        connection.queue?.writeWithoutTransaction { db in
            if let connection = db.sqliteConnection { Self.run(connection, "main") }
        }
        turn.withLock { $0.copied() }
    }

    /// Neither waits for readers nor for writers, and does as much as it can without.
    private static func run(_ connection: SQLiteConnection, _ name: UnsafePointer<CChar>?) {
        sqlite3_wal_checkpoint_v2(connection, name, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }
}
