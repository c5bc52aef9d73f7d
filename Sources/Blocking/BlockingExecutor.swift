// Threads for work that blocks: on a disk, on a mount whose server is gone, on a name server. Swift's cooperative pool has
// one thread a core, and one that waits there is one that answers nobody.
import Dispatch
import Synchronization

/// Runs calls, and as the executor of a task all that the task does, on threads of its own: never more than it was given.
/// What comes while all of them are busy waits, in the order in which it came.
///
/// A call must not wait for another one of the same executor; a task that awaits one gives its thread up meanwhile.
package final class BlockingExecutor: TaskExecutor {
    private typealias Work = @Sendable () -> Void

    private struct State {
        var idle: [DispatchQueue]
        private var waiting: [Work] = []
        /// What stands before it in `waiting` was taken: taking one from the front would move all the others.
        private var taken = 0

        init(idle: [DispatchQueue]) { self.idle = idle }

        mutating func add(_ work: @escaping Work) { waiting.append(work) }

        mutating func next() -> Work? {
            guard taken < waiting.count else {
                waiting.removeAll()
                taken = 0
                return nil
            }
            taken += 1
            let work = waiting[taken - 1]
            if taken >= 64, taken * 2 >= waiting.count {
                waiting.removeFirst(taken)
                taken = 0
            }
            return work
        }
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - label: for whoever looks at the process with a debugger.
    ///   - width: how many threads it may take.
    package init(label: String, width: Int) {
        // Serial queues: the system makes a thread for each of them that has work. Those of a concurrent queue come out
        // of the pool that Swift's own threads come from, which has one a core.
        state = Mutex(State(idle: (0..<width).map { _ in DispatchQueue(label: label) }))
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        add { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    private func add(_ work: @escaping Work) {
        let idle = state.withLock { state -> DispatchQueue? in
            if let queue = state.idle.popLast() { return queue }
            state.add(work)
            return nil
        }
        if let idle { idle.async { self.serve(idle, first: work) } }
    }

    /// Does one piece of work after the other until none waits.
    private func serve(_ queue: DispatchQueue, first: @escaping Work) {
        var next: Work? = first
        while let work = next {
            work()
            next = state.withLock { state in
                if let work = state.next() { return work }
                state.idle.append(queue)
                return nil
            }
        }
    }

    /// A call that may be given up: a caller that is cancelled waits for it no longer, and one whose caller has gone before
    /// its turn is left out.
    /// - Parameter late: given the value that nobody waits for any more.
    /// Throws what `call` throws, or `CancellationError`.
    package func run<R: Sendable>(
        _ call: @escaping @Sendable () throws -> R, late: @escaping @Sendable (R) -> Void = { _ in }
    ) async throws -> R {
        let waiter = Waiter<R>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard waiter.begin(continuation) else {
                    return continuation.resume(throwing: CancellationError())
                }
                add {
                    guard waiter.isWaiting else { return }
                    let outcome = Result { try call() }
                    if !waiter.end(outcome), case .success(let value) = outcome { late(value) }
                }
            }
        } onCancel: {
            waiter.end(.failure(CancellationError()))
        }
    }

    /// A call that changes something: it is made whatever becomes of its caller, who waits for its end.
    package func runToEnd<R: Sendable, Failure: Error>(
        _ call: @escaping @Sendable () throws(Failure) -> R
    ) async throws(Failure) -> R {
        let outcome: Result<R, Failure> = await withCheckedContinuation { continuation in
            add { continuation.resume(returning: Result(catching: call)) }
        }
        return try outcome.get()
    }

    /// Waits for a call on the caller's own thread, which must be none of the cooperative pool's: for libraries and probes that
    /// block all the way down. nil when it took longer; then it goes on, and nobody learns its value.
    package func wait<R: Sendable>(
        for bound: Duration, _ call: @escaping @Sendable () -> R
    ) -> R? {
        let answer = LateAnswer<R>()
        add {
            // Nobody may wait any more by the time that it is its turn.
            guard answer.isWanted else { return }
            answer.give(call())
        }
        let milliseconds = Int((bound / .milliseconds(1)).rounded(.up))
        return answer.wait(until: .now() + .milliseconds(milliseconds))
    }
}

/// Who waits for one call. It is told once.
private final class Waiter<R: Sendable>: Sendable {
    private enum State {
        case new
        case waiting(CheckedContinuation<R, any Error>)
        case ended
    }

    private let state = Mutex(State.new)

    /// Returns whether the wait has not ended before it began.
    func begin(_ continuation: CheckedContinuation<R, any Error>) -> Bool {
        state.withLock { state in
            guard case .new = state else { return false }
            state = .waiting(continuation)
            return true
        }
    }

    var isWaiting: Bool {
        state.withLock { state in
            if case .waiting = state { return true }
            return false
        }
    }

    /// Returns whether somebody waited.
    @discardableResult
    func end(_ outcome: Result<R, any Error>) -> Bool {
        let continuation = state.withLock { state -> CheckedContinuation<R, any Error>? in
            defer { state = .ended }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume(with: outcome)
        return continuation != nil
    }
}

/// One value from another thread, for a thread that waits.
private final class LateAnswer<R: Sendable>: Sendable {
    private let state = Mutex<(value: R?, isWanted: Bool)>((nil, true))
    private let arrived = DispatchSemaphore(value: 0)

    var isWanted: Bool { state.withLock { $0.isWanted } }

    func give(_ answer: R) {
        state.withLock { $0.value = answer }
        arrived.signal()
    }

    func wait(until deadline: DispatchTime) -> R? {
        _ = arrived.wait(timeout: deadline)
        return state.withLock { state in
            state.isWanted = false
            return state.value
        }
    }
}
