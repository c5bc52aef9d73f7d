// A connection that can be closed while others may be using it.
import Dispatch
import GRDB
import Synchronization

/// GRDB ends the process when a closed connection is used. So this one is let go of and not closed: who is at it keeps it to the end
/// of that, who comes later is refused, and it is closed when nobody has it any more.
final class OpenDatabase: Sendable {
    private struct State {
        var queue: DatabaseQueue?
        /// What was let go of, for as long as somebody is at it.
        weak var left: DatabaseQueue?
    }

    private let state: Mutex<State>

    init(_ database: DatabaseQueue) { state = Mutex(State(queue: database)) }

    /// nil once it is let go of.
    var queue: DatabaseQueue? { state.withLock(\.queue) }

    /// Returns whether it is closed: where somebody is at it, it is closed as they end.
    func close() -> Bool {
        let last = state.withLock { state in
            let last = state.queue
            if let last { state.left = last }
            state.queue = nil
            return last
        }
        // Closed here, outside of the lock.
        _ = consume last
        return state.withLock { $0.left == nil }
    }
}

extension Configuration {
    /// GRDB's own, but with queues of the priority that the process has: a service may not raise it, and each try is a line in its log.
    static var ofService: Configuration {
        var configuration = Configuration()
        configuration.qos = .default
        return configuration
    }
}
