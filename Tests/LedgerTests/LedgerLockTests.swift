// How long a ledger is its writer's, and who is told so that may not ask for its lock.
import Admission
import Foundation
import GRDB
import Support
import Testing

@testable import Ledger

@Suite struct LedgerLockTests {
    @Test func aClosedLedgerIsLockedForAsLongAsSomebodyIsAtItsDatabase() throws {
        let directory = try TemporaryDirectory("lock")
        let paths = LedgerPaths(directory.file("ledger.sqlite"))
        let store = try SQLiteLedgerStore(paths, node: "t")
        let (isInside, mayLeave, hasLeft) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        Thread.detachNewThread {
            try? store.database.read { _ in
                isInside.signal()
                mayLeave.wait()
            }
            hasLeft.signal()
        }
        isInside.wait()
        // It waits for who is at the database, and lets nobody in meanwhile.
        let hasClosed = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            store.close()
            hasClosed.signal()
        }
        let error = #expect(throws: LedgerError.self) { try SQLiteLedgerStore(paths, node: "t") }
        #expect(error?.code == .locked)
        mayLeave.signal()
        hasLeft.wait()
        hasClosed.wait()
        let next = try SQLiteLedgerStore(paths, node: "t")
        withExtendedLifetime((store, next)) {}
    }

    /// For auditors, who may not open the lock: they can lock the note as they like, and hold nobody up.
    @Test func aWritersNoteIsLockedAsLongAsItLivesAndIsAnotherOneEachTime() throws {
        let directory = try TemporaryDirectory("lock")
        let paths = LedgerPaths(directory.file("ledger.sqlite"))
        var store: SQLiteLedgerStore? = try SQLiteLedgerStore(paths, node: "t")
        func look() -> Int32 { open(paths.openFiles, O_RDONLY | O_CLOEXEC) }
        let first = look()
        defer { close(first) }
        #expect(flock(first, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        withExtendedLifetime(store) {}
        store?.close()
        store = nil
        #expect(flock(first, LOCK_SH) == 0)
        let next = try SQLiteLedgerStore(paths, node: "t")
        let second = look()
        defer { close(second) }
        #expect(flock(second, LOCK_SH | LOCK_NB) != 0)
        withExtendedLifetime(next) {}
    }
}
