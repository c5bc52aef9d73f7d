// A value that takes a while to make: who asks gets the last one, and has a new one made beside where that is old. One that is too old
// to pass for the present is not given.
import Dispatch
import Synchronization

package final class Aged<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var made: ContinuousClock.Instant?
    }

    private let age: Duration
    private let limit: Duration
    private let make: @Sendable () async -> Value?
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state = Mutex(State())
    private let making: SideTask

    /// - Parameters:
    ///   - age: how old the last one may be before a new one is made.
    ///   - limit: how old it may be and still be given. Whoever asks more rarely than that asks twice: the first time a new one is made.
    ///     Prometheus, too, takes a figure of five minutes ago for none.
    ///   - make: may block; one at a time. nil: it could not be made.
    package init(
        for age: Duration, upTo limit: Duration = .seconds(300), label: String,
        make: @escaping @Sendable () async -> Value?,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.age = age
        self.limit = limit
        self.make = make
        self.now = now
        making = SideTask(label: label)
    }

    /// nil before the first one is made, where the last one could not be, and where it was made too long ago.
    package var value: Value? {
        let last = state.withLock { $0 }
        if isPast(age, last) { making.begin { [self] in await makeAnother() } }
        return isPast(limit, last) ? nil : last.value
    }

    /// Another one may have been made since somebody asked.
    private func makeAnother() async {
        guard isPast(age, state.withLock { $0 }) else { return }
        let value = await make()
        let made = now()
        state.withLock { ($0.value, $0.made) = (value, made) }
    }

    /// Whether one is at least so old, or there is none.
    private func isPast(_ age: Duration, _ state: State) -> Bool {
        state.made.map { $0.duration(to: now()) >= age } ?? true
    }

    /// Makes no new one from now on, and returns when none is being made.
    package func end() async { await making.end() }
}
