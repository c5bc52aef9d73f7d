// The lock of a ledger that is open for writing, which somebody may remove from under its process.
import Synchronization

/// Held until nobody has this any more: the store, and whoever is at its database.
final class LedgerLock: Sendable {
    private let held: Mutex<FileLock>

    init(_ lock: FileLock) { held = Mutex(lock) }

    /// As of the lock that is held.
    var isInPlace: Bool { held.withLock(\.isInPlace) }

    /// The former one keeps nobody out any more.
    func replace(by lock: FileLock) { held.withLock { $0 = lock } }
}
