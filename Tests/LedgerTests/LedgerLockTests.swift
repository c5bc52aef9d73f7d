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

    @Test func ofTheKernelsListOnlyExclusiveLocksThatAreHeldCount() {
        let list = """
            1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF
            1: -> FLOCK  ADVISORY  WRITE 4712 fe:01:1234 0 EOF
            2: FLOCK  ADVISORY  READ 4713 fe:01:1235 0 EOF
            3: POSIX  ADVISORY  WRITE 4714 fe:01:1236 0 EOF
            4: OFDLCK ADVISORY  WRITE -1 fe:01:1237 0 EOF
            5: FLOCK  ADVISORY  WRITE 4715 103:0a:18446744073709551615 0 EOF
            6: FLOCK  ADVISORY  WRITE
            """
        #expect(
            KernelLocks.holders(in: list) == [
                .init(process: 4711, device: "fe:01", inode: 1234),
                .init(process: 4715, device: "103:0a", inode: .max),
            ])
        #expect(KernelLocks.device(0xFE01) == "fe:01" && KernelLocks.device(0x1030A) == "103:0a")
    }

    @Test func aLockThatIsHeldIsInTheKernelsList() throws {
        let directory = try TemporaryDirectory("lock")
        let path = directory.file("lock")
        do {
            let lock = try FileLock(path: path)
            withExtendedLifetime(lock) { #expect(KernelLocks.haveWriter(of: path)) }
        }
        #expect(!KernelLocks.haveWriter(of: path))
    }
}
