// What SQLite refuses, as a sentence and what to do about it. Its own words name statements and codes: nobody acts on those.
import GRDB
import Glibc

struct DatabaseTrouble {
    /// For after "the ledger cannot be …: ".
    let what: String
    /// What to do about it; nil for another error than SQLite's, of which `what` has that error's own words.
    let fix: String?
    /// As of `LedgerError`.
    let mayPass: Bool
    /// Its filesystem has no room, so that nothing can be written, nor read where SQLite must make a file for that.
    let isFull: Bool

    /// - Parameter hasNoRoom: whether its filesystem is full. Asked only where SQLite does not say it.
    init(_ error: any Error, hasNoRoom: @autoclosure () -> Bool = false) {
        guard let error = error as? DatabaseError else {
            (what, fix, mayPass, isFull) = ("\(error)", nil, false, false)
            return
        }
        let mayWantRoom = Self.growing.contains(error.extendedResultCode)
        let code: ResultCode = mayWantRoom && hasNoRoom() ? .SQLITE_FULL : error.resultCode
        (what, fix) = Self.words(code, error.message)
        mayPass = Self.passing.contains(code)
        isFull = code == .SQLITE_FULL
    }

    /// What SQLite says where a file could not be made, or made longer, be it for want of room or because the disk failed: the log and
    /// its shared memory (os_unix.c: unixOpen, unixShmMap, unixLockSharedMemory, unixWrite, unixTruncate). The errno that it keeps goes
    /// with the connection.
    private static let growing: [ResultCode] = [
        .SQLITE_CANTOPEN, .SQLITE_IOERR_SHMOPEN, .SQLITE_IOERR_SHMSIZE, .SQLITE_IOERR_SHMMAP,
        .SQLITE_IOERR_WRITE, .SQLITE_IOERR_TRUNCATE,
    ]
    /// Bytes. SQLite makes a file longer by 32 KiB at once, and filesystems count a little as free that they do not give.
    private static let least: UInt64 = 1 << 20

    /// Whether nothing more goes into a directory's filesystem, be it for want of blocks or of inodes. False where that cannot be told,
    /// of what has neither to count, and for who may make no file there.
    static func hasNoRoom(in directory: String) -> Bool {
        var status = statvfs()
        guard access(directory, W_OK | X_OK) == 0, statvfs(directory, &status) == 0 else { return false }
        let hasNoBlocks =
            status.f_blocks > 0 && UInt64(status.f_bavail) &* UInt64(status.f_frsize) < least
        let hasNoInodes = status.f_files > 0 && status.f_favail == 0
        return hasNoBlocks || hasNoInodes
    }

    private static let passing: [ResultCode] = [
        .SQLITE_FULL, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_IOERR, .SQLITE_NOMEM,
    ]

    /// - Parameter code: a primary one (https://sqlite.org/rescode.html).
    private static func words(_ code: ResultCode, _ message: String?) -> (String, String) {
        switch code {
        case .SQLITE_FULL: ("its filesystem is full", "make room there")
        case .SQLITE_BUSY, .SQLITE_LOCKED: ("another process holds it", "stop that process, or try again")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: ("its file is damaged", LedgerError.adviceOnDamage)
        case .SQLITE_READONLY:
            (
                "it is read-only for this user",
                "run this as the gate's user, or check how its filesystem is mounted"
            )
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
            (
                "this user may not open it",
                "run this as the gate's user, who owns the file and its directory"
            )
        case .SQLITE_IOERR:
            ("its disk failed", "check the system's log (`dmesg`) and the disk")
        case .SQLITE_NOMEM: ("there is no memory left", "give this machine or this service more memory")
        case .SQLITE_TOOBIG:
            ("an entry is larger than SQLite takes", "report this with what was received")
        case .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT:
            (
                "it has a form that this program does not know\(inParentheses(message))",
                "use the release that wrote it, or report this"
            )
        default: ("SQLite refuses it\(inParentheses(message))", "report this")
        }
    }

    /// On one line.
    private static func inParentheses(_ message: String?) -> String {
        guard let message else { return "" }
        return " (\(message.split(whereSeparator: \.isNewline).joined(separator: " ")))"
    }
}

extension LedgerError {
    /// `.unwritable`, whatever the code, where there is no room.
    /// - Parameters:
    ///   - what: "the ledger cannot be …".
    ///   - error: why, best of SQLite.
    ///   - directory: where SQLite's files lie, if it can be that there is no room for more of them.
    init(_ code: Code, _ what: String, of error: any Error, in directory: String? = nil) {
        let trouble = DatabaseTrouble(
            error, hasNoRoom: directory.map(DatabaseTrouble.hasNoRoom(in:)) ?? false)
        self.init(
            trouble.isFull ? .unwritable : code, "\(what): \(trouble.what)", fix: trouble.fix,
            mayPass: trouble.mayPass)
    }
}
