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
        /// When a timer fired last.
        var fired: ContinuousClock.Instant?
        var isStopped = false
        /// Accounts with drops whose release is under way.
        var releases = 0
        var whenDone: [CheckedContinuation<Void, Never>] = []

        /// Nothing is under way, and nothing waits that was due when it came.
        var isDone: Bool { isStopped || releases == 0 && waiting.values.allSatisfy { $0.wait > .zero } }

        mutating func takeDone() -> [CheckedContinuation<Void, Never>] {
            guard isDone else { return [] }
            defer { whenDone = [] }
            return whenDone
        }
    }

    private let clock: @Sendable () -> Instant
    private let queue = DispatchQueue(label: "intake.settler", qos: .userInitiated)
    private let state = Mutex(State())
    /// Gets the drops of one account that are due.
    private let release: Mutex<Release?> = Mutex(nil)

    /// Calls `done` once, when it has done with them.
    typealias Release =
        @Sendable (_ account: String, _ drops: [String], _ done: @escaping @Sendable () -> Void) -> Void

    /// How long after a release that failed it is tried again.
    static let retry = Duration.seconds(10)

    /// From one firing to the next at least: each goes through all that waits, and syncs what it releases, while senders wait
    /// for the same disk.
    private static let rest = Duration.milliseconds(250)

    init(clock: @escaping @Sendable () -> Instant) { self.clock = clock }

    /// Before the first call nothing is released.
    func start(_ release: @escaping Release) {
        self.release.withLock { $0 = release }
        state.withLock { arm(&$0) }
    }

    func stop() {
        let done = state.withLock { state in
            state.isStopped = true
            return state.takeDone()
        }
        for continuation in done { continuation.resume() }
    }

    /// Returns when everything is released that had not to settle, or failed, or the settler was stopped.
    func waitUntilDone() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.isDone { return true }
                state.whenDone.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    func schedule(_ record: DropRecord, of account: String) {
        schedule(record.id, of: account, at: record.due ?? clock())
    }

    func schedule(_ drop: String, of account: String, at due: Instant) {
        state.withLock { state in
            state.waiting[drop] = (account, due, due - clock())
            if state.armedFor.map({ due < $0 }) ?? true { arm(&state) }
        }
    }

    func forget(_ drop: String) { end { $0.waiting[drop] = nil } }

    private func end(_ change: (inout State) -> Void) {
        let done = state.withLock { state in
            change(&state)
            return state.takeDone()
        }
        for continuation in done { continuation.resume() }
    }

    private func arm(_ state: inout State) {
        state.timer += 1
        state.armedFor = state.waiting.values.map(\.due).min()
        guard let due = state.armedFor, !state.isStopped else { return }
        let timer = state.timer
        let rest = state.fired.map { Self.rest - $0.duration(to: .now) } ?? .zero
        let delay = max(rest.microseconds, due.microseconds - clock().microseconds)
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
            state.fired = .now
            arm(&state)
            let drops = Dictionary(grouping: due.keys.sorted()) { due[$0]?.account ?? "" }
            state.releases += drops.count
            return drops
        }
        for (account, drops) in due {
            release(account, drops) { [weak self] in self?.end { $0.releases -= 1 } }
        }
    }
}
