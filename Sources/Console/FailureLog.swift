// What failed behind a request, for the gate's log: what callers hear as often as they ask is written there now and then.
import Logging
import Synchronization

final class FailureLog: Sendable {
    /// How long a line stands for all that are the same.
    private static let pause = Duration.seconds(60)

    private let last = Mutex<(text: String, at: ContinuousClock.Instant)?>(nil)

    func tell(_ problem: Problem, _ what: String, to logger: Logger, now: ContinuousClock.Instant = .now) {
        guard let text = problem.logged else { return }
        let isNew = last.withLock { last in
            if let last, last.text == text, now < last.at + Self.pause { return false }
            last = (text, now)
            return true
        }
        if isNew { logger.error("\(what): \(text)") }
    }
}
