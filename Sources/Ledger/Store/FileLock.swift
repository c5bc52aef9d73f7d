// A lock on a file that lasts as long as the process: one writer a ledger.
import Files
import Glibc

/// An exclusive advisory lock (flock(2)), released when the value is freed or the process ends.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Throws `LedgerError(.locked)` when another process holds it.
    init(path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw LedgerError(
                .unwritable, "the ledger cannot be written: \(Presence.denial(path, .last, to: "write"))")
        }
        // A child that was just forked holds the lock too until it executes its program: wait a moment.
        var triesLeft = 50
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0, triesLeft > 0 {
            triesLeft -= 1
            usleep(20_000)
        }
        guard triesLeft > 0 else {
            close(descriptor)
            throw LedgerError(
                .locked, "another process writes this ledger (\(path) is locked)",
                fix: "is the gate already running? If so, use it, or stop it first")
        }
    }

    deinit { close(descriptor) }

    /// Makes an empty file, 0600, unless it is there. Links are refused.
    static func makePrivateFile(path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw LedgerError(.unwritable, "cannot make \(path): \(SystemError.last)")
        }
        close(descriptor)
    }
}
