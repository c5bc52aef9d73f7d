// The bytes of small uploads that are not files yet, in memory beside the ledger, which has them for sure: so that a release need
// not ask for them. All together are bounded; beyond that they are read back.
import Synchronization

final class KeptContent: Sendable {
    /// What all accounts together may keep.
    final class Budget: Sendable {
        private static let most = 32 << 20
        private let used = Mutex(0)

        /// nil: there is no room.
        func keep(_ bytes: [UInt8]) -> KeptContent? {
            let isKept = used.withLock { used in
                guard used + bytes.count <= Self.most else { return false }
                used += bytes.count
                return true
            }
            return isKept ? KeptContent(bytes, of: self) : nil
        }

        fileprivate func giveBack(_ count: Int) { used.withLock { $0 -= count } }
    }

    let bytes: [UInt8]
    private let budget: Budget

    private init(_ bytes: [UInt8], of budget: Budget) {
        self.bytes = bytes
        self.budget = budget
    }

    deinit { budget.giveBack(bytes.count) }
}
