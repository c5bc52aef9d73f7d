// A value that takes a while to make: who asks gets the last one, and has a new one made beside where that is old.
import Dispatch
import Synchronization

package final class Aged<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var made: ContinuousClock.Instant?
    }

    private let age: Duration
    private let make: @Sendable () async -> Value?
    private let state = Mutex(State())
    private let making: SideTask

    /// - Parameters:
    ///   - age: how old the last one may be before a new one is made.
    ///   - make: may block; one at a time. nil: it could not be made.
    package init(
        for age: Duration, label: String, make: @escaping @Sendable () async -> Value?
    ) {
        self.age = age
        self.make = make
        making = SideTask(label: label)
    }

    /// nil before the first one is made, and where the last one could not be.
    package var value: Value? {
        let state = state.withLock { $0 }
        if state.made.map({ $0.duration(to: .now) >= age }) ?? true {
            making.begin { [self] in
                let value = await make()
                self.state.withLock { ($0.value, $0.made) = (value, .now) }
            }
        }
        return state.value
    }

    /// Makes no new one from now on, and returns when none is being made.
    package func end() async { await making.end() }
}
