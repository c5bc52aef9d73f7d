// When accepted uploads are to be released: one timer for all of them. It knows nothing of what a release is.
import Admission
import Dispatch
import Ledger
import Synchronization

final class Settler: Sendable {
    private struct State {
        var waiting: [String: (account: String, due: Instant, wait: Duration)] = [:]
        /// The timers' own count: only the newest one counts.
        var timer = 0
        var armedFor: Instant?
        var isStopped = false
    }

    private let clock: @Sendable () -> Instant
    private let queue = DispatchQueue(label: "intake.settler")
    private let state = Mutex(State())
    /// Gets the drops of one account that are due.
    private let release: Mutex<(@Sendable (_ account: String, _ drops: [String]) -> Void)?> = Mutex(nil)

    /// How long after a release that failed it is tried again.
    static let retry = Duration.seconds(10)

    /// Microseconds from one firing to the next at least: each goes through all that waits.
    private static let rest: Int64 = 100_000

    init(clock: @escaping @Sendable () -> Instant) { self.clock = clock }

    /// Before the first call nothing is released.
    func start(_ release: @escaping @Sendable (_ account: String, _ drops: [String]) -> Void) {
        self.release.withLock { $0 = release }
        state.withLock { arm(&$0) }
    }

    /// How many drops wait.
    var waiting: Int { state.withLock(\.waiting.count) }

    func stop() { state.withLock { $0.isStopped = true } }

    func schedule(_ record: DropRecord, of account: String) {
        schedule(record.id, of: account, at: record.due ?? clock())
    }

    func schedule(_ drop: String, of account: String, at due: Instant) {
        state.withLock { state in
            state.waiting[drop] = (account, due, due - clock())
            if state.armedFor.map({ due < $0 }) ?? true { arm(&state) }
        }
    }

    func forget(_ drop: String) { state.withLock { _ = $0.waiting.removeValue(forKey: drop) } }

    private func arm(_ state: inout State, after rest: Int64 = 0) {
        state.timer += 1
        state.armedFor = state.waiting.values.map(\.due).min()
        guard let due = state.armedFor, !state.isStopped else { return }
        let timer = state.timer
        let delay = max(rest, due.microseconds - clock().microseconds)
        queue.asyncAfter(deadline: .now() + .microseconds(Int(clamping: delay))) { [weak self] in
            self?.fire(timer)
        }
    }

    private func fire(_ timer: Int) {
        guard let release = release.withLock({ $0 }) else { return }
        let due = state.withLock { state -> [String: [String]] in
            guard timer == state.timer, !state.isStopped else { return [:] }
            let now = clock()
            // What has more to wait than in the beginning: the clock was set back.
            let due = state.waiting.filter { $0.value.due <= now || $0.value.due - now > $0.value.wait }
            for drop in due.keys { state.waiting[drop] = nil }
            arm(&state, after: Self.rest)
            return Dictionary(grouping: due.keys.sorted()) { due[$0]?.account ?? "" }
        }
        for (account, drops) in due { release(account, drops) }
    }
}
