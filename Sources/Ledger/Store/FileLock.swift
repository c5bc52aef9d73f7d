// A lock on a file that ends with the process at the latest: one writer a ledger.
import Files
import Glibc

/// An exclusive advisory lock (flock(2)), released when the value is freed or the process ends.
final class FileLock: Sendable {
    private let path: String
    private let descriptor: Int32

    /// Throws `LedgerError(.locked)` when another process holds it.
    /// - Parameter tries: how often, 20 ms apart.
    init(path: String, tries: Int = FileLock.patience) throws {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let error = SystemError.last
            throw LedgerPaths.closed(path, error)
                ?? LedgerError(
                    .unwritable,
                    "the ledger cannot be written: \(AccessAdvice.denial(path, error, to: "write"))")
        }
        // `deinit` closes the file also where this throws: all members have their values.
        // A file that was removed meanwhile keeps nobody out.
        guard try Self.take(LOCK_EX, path, descriptor, tries: tries), isInPlace else {
            throw LedgerError(
                .locked, Self.held(path), fix: "is the gate already running? If so, use it, or stop it first")
        }
    }

    deinit { close(descriptor) }

    /// Whether the file that is locked has its name still: where it was removed, others lock another one.
    var isInPlace: Bool {
        FileIdentity(path: path).map { $0 == FileIdentity(descriptor: descriptor) } ?? false
    }

    private static let patience = 50

    /// A child that was just forked holds a lock too until it executes its program, and a look at whether it is held
    /// (`requireFree`) takes it, too: waits a moment.
    /// Returns whether it got the lock. Throws `.unreadable` where the filesystem has none to give.
    private static func take(
        _ operation: Int32, _ path: String, _ descriptor: Int32, tries: Int = patience
    ) throws(LedgerError) -> Bool {
        for left in (0..<tries).reversed() {
            if flock(descriptor, operation | LOCK_NB) == 0 { return true }
            let error = SystemError.last
            guard [EWOULDBLOCK, EINTR].contains(error.code) else { throw unknown(path, error) }
            if left > 0 { usleep(20_000) }
        }
        return false
    }

    private static func unknown(_ path: String, _ error: SystemError) -> LedgerError {
        LedgerError(.unreadable, "whether a process writes this ledger is not known: \(path): \(error)")
    }

    private static func held(_ path: String) -> String {
        "another process writes this ledger (\(path) is locked)"
    }

    /// Throws `LedgerError(.locked)` when a process writes the ledger, and `.unreadable` or `.unwritable` where that cannot be told. Blocks
    /// for a second at most, and makes no file.
    static func requireFree(_ paths: LedgerPaths) throws(LedgerError) {
        // Auditors may not open the lock; the note of its holder is locked as long (`WriterNote`). A copy may have none.
        for path in [paths.lock, paths.openFiles] {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor < 0 else {
                defer { close(descriptor) }
                // Shared: those who look do not hold each other up.
                guard try take(LOCK_SH, path, descriptor) else { throw LedgerError(.locked, held(path)) }
                return
            }
            let error = SystemError.last
            if [ENOENT, ENOTDIR].contains(error.code) { return }
            if let closed = LedgerPaths.closed(path, error) { throw closed }
            guard path == paths.lock, error.code == EACCES else { throw unknown(path, error) }
        }
    }

    /// Makes an empty file, 0600, unless it is there. Links are refused.
    static func makePrivateFile(path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw LedgerError(cannot: "make", path, .last)
        }
        close(descriptor)
    }
}
