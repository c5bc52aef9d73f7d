// When releases that failed are tried again.
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct ReleaseRetriesTests {
    private let retries = ReleaseRetries(first: .milliseconds(2))
    private let tried: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() { (tried, continuation) = AsyncStream.makeStream(of: String.self) }

    private func start() { retries.start { [continuation] in continuation.yield($0) } }

    private func next() async -> String? {
        for await drop in tried { return drop }
        return nil
    }

    @Test func eachFailureDoublesThePauseUpToABound() {
        let retries = ReleaseRetries(first: .seconds(1))
        #expect(
            (1...4).map { retries.pause(after: $0) } == [.seconds(1), .seconds(2), .seconds(4), .seconds(8)])
        for failures in [9, 10, 100, .max] {
            #expect(retries.pause(after: failures) <= ReleaseRetries.longest)
        }
        #expect(retries.pause(after: .max) == ReleaseRetries.longest)
    }

    @Test func whatFailsIsTriedAgainAndAgain() async {
        start()
        for _ in 0..<3 {
            retries.failed("a")
            #expect(await next() == "a")
        }
        #expect(retries.waiting == 1)
        retries.end("a")
        #expect(retries.waiting == 0)
    }

    @Test func whatFailedBeforeTheStartIsTriedAfterIt() async {
        retries.failed("a")
        start()
        #expect(await next() == "a")
    }

    @Test func whatHasEndedOrIsStoppedIsNotTried() async {
        start()
        retries.failed("ended")
        retries.end("ended")
        retries.failed("tried")
        #expect(await next() == "tried")
        retries.stop()
        retries.failed("late")
        #expect(retries.waiting == 0)
    }

    @Test func aDropThatFailedAnewIsTriedOnceForIt() async {
        start()
        // The first of these two tries is out of date when its time comes.
        retries.failed("a")
        retries.failed("a")
        #expect(await next() == "a")
        retries.failed("b")
        #expect(await next() == "b")
    }
}
