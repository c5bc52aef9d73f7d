// How many callers of another user the control socket has at once: they must not use up the gate's descriptors.
import Synchronization

final class Guests: Sendable {
    private static let most = 16
    private let count = Mutex(0)

    /// False where there are enough. Otherwise say when it has gone.
    func enter() -> Bool {
        count.withLock { count in
            guard count < Self.most else { return false }
            count += 1
            return true
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}
