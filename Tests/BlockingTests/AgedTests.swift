// How long a value that takes a while to make is given, and when a new one is made.
import Blocking
import Glibc
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct AgedTests {
    /// A clock that the test moves.
    private final class TestClock: Sendable {
        private let time = Mutex(ContinuousClock.now)

        var now: ContinuousClock.Instant { time.withLock { $0 } }
        func pass(_ duration: Duration) { time.withLock { $0 += duration } }
    }

    private let clock: TestClock
    private let offered: AsyncStream<Int>.Continuation
    /// Of what the test offers: nothing else is made.
    private let aged: Aged<Int>

    init() {
        let (values, offered) = AsyncStream.makeStream(of: Int.self)
        let clock = TestClock()
        (self.clock, self.offered) = (clock, offered)
        aged = Aged(
            for: .seconds(30), upTo: .seconds(120), label: "test",
            make: { await values.first { _ in true } }, now: { clock.now })
    }

    /// Returns when it is what is given.
    private func make(_ value: Int) async {
        offered.yield(value)
        while aged.value != value { await Task.yield() }
    }

    @Test func beforeTheFirstIsMadeThereIsNone() async {
        #expect(aged.value == nil)
        await make(1)
        await aged.end()
    }

    @Test func anOldOneIsGivenWhileANewOneIsMade() async {
        await make(1)
        clock.pass(.seconds(29))
        #expect(aged.value == 1)
        clock.pass(.seconds(90))
        #expect(aged.value == 1)
        await make(2)
        await aged.end()
    }

    /// Whoever asks once a day is not told yesterday's.
    @Test(arguments: [Duration.seconds(120), .seconds(86_400)])
    func oneThatIsTooOldIsNotGivenAndANewOneIs(age: Duration) async {
        await make(1)
        clock.pass(age)
        #expect(aged.value == nil)
        await make(2)
        await aged.end()
    }

    /// What happens when somebody who asks looks at the clock: the last one was read then, and no new one begun yet.
    @TaskLocal private static var meanwhile: (@Sendable () -> Void)?

    /// Asks, and does not go on before another one is made for somebody else.
    private func askAsAnotherIsMade(_ aged: Aged<Int>) {
        let meanwhile: @Sendable () -> Void = {
            while (aged.value ?? 0) < 2 { sched_yield() }
        }
        Self.$meanwhile.withValue(meanwhile) { _ = aged.value }
    }

    /// Many times: whether its task has ended by then, so that another one can begin, is not for the test to say.
    @Test func oneThatWasMadeSinceSomebodyAskedIsNotMadeAgain() async {
        for _ in 0..<100 {
            let clock = TestClock()
            let made = Mutex(0)
            let aged = Aged<Int>(
                for: .seconds(30), label: "test",
                make: {
                    made.withLock { count in
                        count += 1
                        return count
                    }
                },
                now: {
                    if let meanwhile = Self.meanwhile { Self.$meanwhile.withValue(nil) { meanwhile() } }
                    return clock.now
                })
            while aged.value == nil { await Task.yield() }
            clock.pass(.seconds(30))
            askAsAnotherIsMade(aged)
            await aged.end()
            #expect(made.withLock { $0 } == 2)
        }
    }
}
