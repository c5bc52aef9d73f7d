// What is wrong with the gate right now, for `/readyz` and `doctor`.
package import Admission
import Synchronization

/// Problems by name. Any problem makes the gate degraded: somebody must look. A problem may be one of several subjects,
/// such as witnesses, and stands until it is cleared for each of them.
package final class Health: Sendable {
    /// A problem that stands.
    package struct Problem: Sendable, Hashable, Codable {
        /// What is wrong, and where.
        package var message: String
        /// Since when, as the ledger writes times.
        package var since: String
        /// What to do.
        package var fix: String

        package init(message: String, since: String, fix: String) {
            self.message = message
            self.since = since
            self.fix = fix
        }
    }

    private struct Standing {
        /// By subject.
        var messages: [String: String] = [:]
        var since: Instant
    }

    private let state = Mutex<[String: Standing]>([:])
    private let clock: @Sendable () -> Instant

    package init(clock: @escaping @Sendable () -> Instant = { Instant.now() }) { self.clock = clock }

    /// The messages of the problems that stand, by name.
    package var problems: [String: String] { state.withLock { $0.mapValues(Self.message) } }

    /// Whether a problem stands. Cheap enough for every request.
    package func has(problem: String) -> Bool { state.withLock { $0[problem] != nil } }

    /// The problems that stand, by name.
    package var standing: [String: Problem] {
        let state = state.withLock(\.self)
        return Dictionary(
            uniqueKeysWithValues: state.map { name, standing in
                let problem = Problem(
                    message: Self.message(standing), since: standing.since.description,
                    fix: HealthProblem.fix(for: name))
                return (name, problem)
            })
    }

    /// Subjects that the message of a problem tells of; of thousands of drops it says how many more there are.
    private static let mostTold = 10

    private static func message(_ standing: Standing) -> String {
        let messages = standing.messages.sorted { $0.key < $1.key }.map(\.value)
        let told = messages.prefix(mostTold).joined(separator: "; ")
        let left = messages.count - mostTold
        return left > 0 ? "\(told); and \(left) more" : told
    }

    /// Raises or renews a problem. Returns whether it is new.
    @discardableResult
    package func set(problem: String, of subject: String = "", message: String) -> Bool {
        let now = clock()
        return state.withLock { state in
            state[problem, default: Standing(since: now)].messages.updateValue(message, forKey: subject)
                == nil
        }
    }

    /// Returns whether the problem stood. Cheap enough for every request, of which hardly any finds one.
    @discardableResult
    package func clear(problem: String, of subject: String = "") -> Bool {
        state.withLock { state in
            guard state[problem] != nil, state[problem]?.messages.removeValue(forKey: subject) != nil else {
                return false
            }
            if state[problem]?.messages.isEmpty == true { state[problem] = nil }
            return true
        }
    }
}
