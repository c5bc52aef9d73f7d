// What callers of another user may use up of a gate: the descriptors that they hold at once, and the entries that they have
// written. Whoever may read the ledger must not be able to fill its disk.
import Glibc
import Synchronization

final class Guests: Sendable {
    private static let mostCallers = 16
    /// Of one user: what it opens and leaves open keeps no other out.
    static let mostCallersOfOne = 4

    private struct State {
        var callers: [uid_t: Int] = [:]
        var entries = EntryAllowance()
    }

    private let state = Mutex(State())

    /// False where there are enough. Otherwise say when it has gone.
    func enter(_ user: uid_t) -> Bool {
        state.withLock { state in
            let own = state.callers[user] ?? 0
            guard own < Self.mostCallersOfOne, state.callers.values.reduce(0, +) < Self.mostCallers else {
                return false
            }
            state.callers[user] = own + 1
            return true
        }
    }

    func leave(_ user: uid_t) {
        state.withLock { state in
            let left = (state.callers[user] ?? 1) - 1
            state.callers[user] = left > 0 ? left : nil
        }
    }

    /// Counts an entry that a user is about to have written. Throws a `ManagementError` when it had too many written.
    func countEntry(of user: uid_t, now: ContinuousClock.Instant = .now) throws(ManagementError) {
        guard let wait = state.withLock({ $0.entries.count("\(user)", now: now) }) else { return }
        throw ManagementError(
            .refused,
            "the user \(user) has had \(EntryAllowance.most) accesses recorded, and may have one more every "
                + "\(EntryAllowance.pause.components.seconds) s",
            fix: "try again in \(wait.components.seconds + 1) s")
    }
}
