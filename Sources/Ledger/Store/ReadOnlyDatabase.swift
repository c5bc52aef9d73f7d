// A connection that reads the ledger and can change nothing: beside the gate, by a user who may only read, and from a medium on
// which nobody can write.
import Files
import Foundation
import GRDB

final class ReadOnlyDatabase: Sendable {
    private let queue: DatabaseQueue
    private let paths: LedgerPaths
    /// Of a ledger that is read without locks, as it was opened: it must not change meanwhile.
    private let frozen: FileSignature?

    /// Throws `LedgerError`: `.unreadable` when there is none, `.denied` when it may not be read, `.unwritable` when there is no room for
    /// the shared memory that a reader needs, too, `.missing` when it was moved or removed, `.foreign` when what is there is none,
    /// `.newer` when a later release wrote it, `.older` when an earlier one did.
    /// - Parameters:
    ///   - isOfAnyFormat: whether a ledger of another format will do.
    ///   - isByWriter: whether the caller holds the ledger's lock, and has yet to open it.
    init(_ paths: LedgerPaths, isOfAnyFormat: Bool = false, isByWriter: Bool = false) throws {
        self.paths = paths
        let file = paths.file
        // Before anything is said of a file that is not there: a writer may have it open.
        if !isByWriter { try OpenFiles.requireLog(of: paths) }
        guard try paths.isThere() else { throw paths.absent }
        guard access(file, R_OK) == 0 else {
            throw LedgerError("the ledger cannot be read", reading: file, .last)
        }
        frozen = try Self.isFrozen(paths) ? FileSignature(path: file) : nil
        do {
            queue = try Self.open(file, isFrozen: frozen != nil)
            guard try queue.read(Self.isLedger) else { throw paths.foreign("is another SQLite database") }
            if !isOfAnyFormat { try Self.checkFormat(queue, file) }
        } catch let error as LedgerError {
            throw error
        } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
            throw paths.foreign("is not an SQLite database")
        } catch {
            throw LedgerError(.unreadable, "cannot read the ledger \(file)", of: error, in: paths.directory)
        }
    }

    /// A reader needs SQLite's shared memory, and makes it where there is none; where it cannot, nobody writes the ledger, or
    /// its writer has made it. SQLite then reads the file as one that never changes, and would pass over what waits in the WAL.
    private static func isFrozen(_ paths: LedgerPaths) throws -> Bool {
        guard access(paths.directory, W_OK) != 0 else { return false }
        let waits = waiting(paths)
        if waits != nil, access(paths.wal, R_OK) == 0, access(paths.sharedMemory, R_OK) == 0 { return false }
        guard waits ?? 0 == 0 else {
            throw LedgerError(
                .unreadable,
                "\(paths.wal) holds entries that are not in \(paths.file) yet, and cannot be read where nothing can be "
                    + "written",
                fix: "copy the ledger, its -wal with it, to a directory of your own and read it there")
        }
        return true
    }

    /// Bytes of the WAL; nil where there is none.
    private static func waiting(_ paths: LedgerPaths) -> Int? {
        var status = stat()
        return stat(paths.wal, &status) == 0 ? Int(status.st_size) : nil
    }

    private static func open(_ file: String, isFrozen: Bool) throws -> DatabaseQueue {
        var configuration = Configuration.ofService
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        // Debian's SQLite takes URIs as names (SQLITE_USE_URI). Without that it finds no such file.
        let name = isFrozen ? "file:\(escaped(file))?immutable=1" : file
        // Never mapped (PRAGMA mmap_size): a page of a mapped file that its disk cannot give back ends the process by SIGBUS.
        return try DatabaseQueue(path: name, configuration: configuration)
    }

    /// A path in a URI (RFC 3986): of the bytes of UTF-8 all but letters, digits and a few marks.
    private static func escaped(_ path: String) -> String {
        path.utf8.reduce(into: "") { text, byte in
            let scalar = Unicode.Scalar(byte)
            if byte < 0x80,
                CharacterSet.alphanumerics.contains(scalar) || "/-._~".unicodeScalars.contains(scalar)
            {
                text.unicodeScalars.append(scalar)
            } else {
                text += String(format: "%%%02X", byte)
            }
        }
    }

    private static func checkFormat(_ queue: DatabaseQueue, _ file: String) throws {
        let found = try queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
        guard found <= Schema.version else { throw Schema.newer(found, file) }
        guard found == Schema.version else {
            throw LedgerError(
                .older,
                "\(file) has ledger format \(found), this program knows \(Schema.version)",
                fix: "start the gate, or restart it: it brings an older ledger up to date when it starts")
        }
    }

    /// Whether it has what ledgers of all formats have.
    private static func isLedger(_ db: Database) throws -> Bool {
        guard try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 > 0 else { return false }
        for (table, columns) in [
            ("entries", ["seq", "time", "kind", "verdict", "reason", "json"]),
            ("drops", ["seq", "id", "state"]),
            ("bodies", ["seq", "body"]),
        ] {
            guard try db.tableExists(table),
                Set(try db.columns(in: table).map(\.name)).isSuperset(of: columns)
            else { return false }
        }
        return true
    }

    /// By SQLite's own backup, in one step and so of one moment; a writer goes on meanwhile. Throws `DatabaseError`.
    func copy(to other: DatabaseQueue) throws { try queue.backup(to: other) }

    /// Reads in one snapshot. An error of the database becomes a `LedgerError` (`.unreadable`, or `.unwritable` where there is no
    /// room), and so does a ledger that was taken for one that nobody writes.
    func readLedger<R>(_ body: (Database) throws -> R) throws -> R {
        do {
            let result = try queue.read(body)
            if isChanged { throw changed }
            return result
        } catch let error as DatabaseError {
            if isChanged { throw changed }
            throw LedgerError(.unreadable, "the ledger cannot be read", of: error, in: paths.directory)
        } catch {
            throw LedgerError.ofDamage(error)
        }
    }

    private var isChanged: Bool {
        guard let frozen else { return false }
        return FileSignature(path: paths.file) != frozen || Self.waiting(paths) ?? 0 > 0
    }

    private var changed: LedgerError {
        LedgerError(
            .unreadable, "\(paths.file) was written while it was read: a gate has started; run this again")
    }
}

extension DatabaseQueue {
    /// Reads in one snapshot. An error of the database becomes a `LedgerError`, as of `ReadOnlyDatabase`.
    func readLedger<R>(_ body: (Database) throws -> R) throws -> R {
        do {
            return try read(body)
        } catch let error as DatabaseError {
            throw LedgerError(
                .unreadable, "the ledger cannot be read", of: error, in: Paths.directory(of: path))
        } catch {
            throw LedgerError.ofDamage(error)
        }
    }
}
