// What failed behind a request, for the gate's log: what callers hear as often as they ask is written there now and then.
import Logging
import Synchronization

final class FailureLog: Sendable {
    /// How long a line stands for all that are the same.
    private static let pause = Duration.seconds(60)
    /// Different lines that are known.
    private static let most = 64

    private let told = Mutex<[String: ContinuousClock.Instant]>([:])

    func tell(_ problem: Problem, to logger: Logger, now: ContinuousClock.Instant = .now) {
        guard let text = problem.logged else { return }
        let isNew = told.withLock { told in
            if let last = told[text], now < last + Self.pause { return false }
            if told.count == Self.most {
                told = told.filter { now < $0.value + Self.pause }
                if told.count == Self.most { told = [:] }
            }
            told[text] = now
            return true
        }
        if isNew { logger.error("the console: \(text)") }
    }
}
