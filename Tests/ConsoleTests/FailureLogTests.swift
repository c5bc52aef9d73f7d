// How often the log has what callers hear of a failure.
import Logging
import Management
import Synchronization
import Testing

@testable import Console

@Suite struct FailureLogTests {
    private final class Lines: LogHandler, @unchecked Sendable {
        let lines = Mutex<[String]>([])
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) { lines.withLock { $0.append("\(event.message)") } }
    }

    @Test func theSameFailureIsLoggedOnceAMinuteAndAnotherOneAtOnce() {
        let lines = Lines()
        let logger = Logger(label: "test") { _ in lines }
        let (log, start) = (FailureLog(), ContinuousClock.now)
        func tell(_ message: String, at seconds: Int) {
            log.tell(
                Problem(ManagementError(.configuration, message)), to: logger, now: start + .seconds(seconds))
        }
        tell("a", at: 0)
        tell("a", at: 59)
        tell("b", at: 59)
        tell("a", at: 59)
        tell("a", at: 61)
        // A caller's own mistake is none of the gate's.
        log.tell(Problem(ManagementError(.invalid, "c")), to: logger)
        #expect(lines.lines.withLock(\.self) == ["the console: a", "the console: b", "the console: a"])
    }
}
