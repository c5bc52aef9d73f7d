// What is wrong with the gate right now, for `/readyz` and `doctor`.
import Synchronization

/// Problems by name. Any problem makes the gate degraded: somebody must look.
package final class Health: Sendable {
    private let state = Mutex<[String: String]>([:])

    package init() {}

    /// The problems that stand, by name.
    package var problems: [String: String] { state.withLock { $0 } }

    /// Raises or renews a problem. Returns whether it is new.
    @discardableResult
    package func set(problem: String, message: String) -> Bool {
        state.withLock { $0.updateValue(message, forKey: problem) == nil }
    }

    /// Returns whether the problem stood.
    @discardableResult
    package func clear(problem: String) -> Bool {
        state.withLock { $0.removeValue(forKey: problem) != nil }
    }
}
