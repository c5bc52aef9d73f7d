// The lock of a ledger that is open for writing, which somebody may remove from under its process.
import Synchronization

/// Held until nobody has this any more: the store, and whoever is at its database.
final class LedgerLock: Sendable {
    private let held: Mutex<FileLock>
    private let note = Mutex<WriterNote?>(nil)

    /// What an earlier writer had open says nothing any more: its note is replaced by one that says nothing.
    init(_ paths: LedgerPaths) throws {
        held = Mutex(try FileLock(path: paths.lock))
        writeDown("", paths)
    }

    /// For `OpenFiles.requireLog`.
    func writeDown(_ text: String, _ paths: LedgerPaths) {
        let new = WriterNote.make(text, for: paths)
        note.withLock { $0 = new }
    }

    /// As of the lock that is held.
    var isInPlace: Bool { held.withLock(\.isInPlace) }

    /// The former one keeps nobody out any more.
    func replace(by lock: FileLock) { held.withLock { $0 = lock } }
}
