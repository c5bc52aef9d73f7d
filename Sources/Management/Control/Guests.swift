// What callers of another user may use up of a gate: the descriptors that they hold at once, and the entries that they have
// written. Whoever may read the ledger must not be able to fill its disk.
import Glibc
import Synchronization

final class Guests: Sendable {
    private static let mostCallers = 16
    /// Entries that a user may have written in one go, and after how long one more: 17 MiB a day at most.
    static let mostEntries = 100
    static let pause = Duration.seconds(10)
    /// Users that are told apart. Those who may connect are the members of one group.
    private static let mostUsers = 1024

    private struct State {
        var callers = 0
        /// When a user will have had the time for all that it had written (the generic cell rate algorithm, ITU-T I.371).
        var paid: [uid_t: ContinuousClock.Instant] = [:]
    }

    private let state = Mutex(State())

    /// False where there are enough. Otherwise say when it has gone.
    func enter() -> Bool {
        state.withLock { state in
            guard state.callers < Self.mostCallers else { return false }
            state.callers += 1
            return true
        }
    }

    func leave() { state.withLock { $0.callers -= 1 } }

    /// Counts an entry that a user is about to have written. Throws a `ManagementError` when it had too many written.
    func countEntry(of user: uid_t, now: ContinuousClock.Instant = .now) throws(ManagementError) {
        let wait: Duration? = state.withLock { state in
            if state.paid.count >= Self.mostUsers { state.paid = state.paid.filter { $1 > now } }
            guard state.paid[user] != nil || state.paid.count < Self.mostUsers else { return Self.pause }
            let paid = max(state.paid[user] ?? now, now)
            let wait = paid - now - Self.pause * (Self.mostEntries - 1)
            guard wait <= .zero else { return wait }
            state.paid[user] = paid + Self.pause
            return nil
        }
        guard let wait else { return }
        throw ManagementError(
            .refused,
            "the user \(user) has had \(Self.mostEntries) accesses recorded, and may have one more every "
                + "\(Self.pause.components.seconds) s",
            fix: "try again in \(wait.components.seconds + 1) s")
    }
}
