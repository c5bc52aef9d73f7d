// What is wrong with the gate right now, for `/readyz` and `doctor`.
import Synchronization

/// Problems by name. Any problem makes the gate degraded: somebody must look. A problem may be one of several subjects,
/// such as witnesses, and stands until it is cleared for each of them.
package final class Health: Sendable {
    /// Messages by problem and subject.
    private let state = Mutex<[String: [String: String]]>([:])

    package init() {}

    /// The problems that stand, by name.
    package var problems: [String: String] {
        state.withLock { state in
            state.mapValues { $0.sorted { $0.key < $1.key }.map(\.value).joined(separator: "; ") }
        }
    }

    /// Raises or renews a problem. Returns whether it is new.
    @discardableResult
    package func set(problem: String, of subject: String = "", message: String) -> Bool {
        state.withLock { $0[problem, default: [:]].updateValue(message, forKey: subject) == nil }
    }

    /// Returns whether the problem stood.
    @discardableResult
    package func clear(problem: String, of subject: String = "") -> Bool {
        state.withLock { state in
            guard state[problem]?.removeValue(forKey: subject) != nil else { return false }
            if state[problem]?.isEmpty == true { state[problem] = nil }
            return true
        }
    }
}
