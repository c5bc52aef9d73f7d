// When drops are released again whose release failed: each by itself, and each time after twice the pause. It knows nothing of what
// a release is.
import Dispatch
import Synchronization

final class ReleaseRetries: Sendable {
    private struct State {
        /// How often the release of each has failed.
        var failures: [String: Int] = [:]
        var release: (@Sendable (_ drop: String) -> Void)?
        var isStopped = false
    }

    /// No pause is longer.
    static let longest = Duration.seconds(300)

    private let first: Duration
    private let queue = DispatchQueue(label: "intake.retries", qos: .utility)
    private let state = Mutex(State())

    /// - Parameter first: the pause after the first failure.
    init(first: Duration) { self.first = first }

    /// Before the first call nothing is released.
    /// - Parameter release: must say what came of it: `failed` or `end`.
    func start(_ release: @escaping @Sendable (_ drop: String) -> Void) {
        let failed = state.withLock { state -> [String: Int] in
            state.release = release
            return state.failures
        }
        for (drop, failures) in failed { wait(for: drop, after: failures) }
    }

    /// How many drops wait for another try.
    var waiting: Int { state.withLock(\.failures.count) }

    /// The release of a drop failed, for the first time or again.
    func failed(_ drop: String) {
        let failures = state.withLock { state -> Int? in
            guard !state.isStopped else { return nil }
            let failures = (state.failures[drop] ?? 0) + 1
            state.failures[drop] = failures
            return state.release == nil ? nil : failures
        }
        if let failures { wait(for: drop, after: failures) }
    }

    /// A drop is released, or is not to be released any more.
    func end(_ drop: String) { state.withLock { _ = $0.failures.removeValue(forKey: drop) } }

    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.failures = [:]
        }
    }

    /// How long the next try waits after so many failures.
    func pause(after failures: Int) -> Duration { min(first * (1 << min(failures - 1, 20)), Self.longest) }

    private func wait(for drop: String, after failures: Int) {
        let milliseconds = Int((pause(after: failures) / .milliseconds(1)).rounded(.up))
        queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { [weak self] in
            self?.fire(drop, after: failures)
        }
    }

    private func fire(_ drop: String, after failures: Int) {
        let release = state.withLock { state -> (@Sendable (String) -> Void)? in
            guard !state.isStopped, state.failures[drop] == failures else { return nil }
            return state.release
        }
        release?(drop)
    }
}
