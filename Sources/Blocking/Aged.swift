// A value that takes a while to make: who asks gets the last one, and has a new one made beside where that is old.
import Dispatch
import Synchronization

package final class Aged<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var made: ContinuousClock.Instant?
        var isBeingMade = false
    }

    private let age: Duration
    private let make: @Sendable () async -> Value?
    private let state = Mutex(State())
    private let executor: BlockingExecutor

    /// - Parameters:
    ///   - age: how old the last one may be before a new one is made.
    ///   - make: may block; one at a time. nil: it could not be made.
    package init(
        for age: Duration, label: String, make: @escaping @Sendable () async -> Value?
    ) {
        self.age = age
        self.make = make
        executor = BlockingExecutor(label: label, width: 1)
    }

    /// nil before the first one is made, and where the last one could not be.
    package var value: Value? {
        let (value, isOld) = state.withLock { state in
            let isOld = state.made.map { $0.duration(to: .now) >= age } ?? true
            defer { if isOld { state.isBeingMade = true } }
            return (state.value, isOld && !state.isBeingMade)
        }
        if isOld {
            Task(executorPreference: executor) { [self] in
                let value = await make()
                state.withLock { $0 = State(value: value, made: .now) }
            }
        }
        return value
    }
}
