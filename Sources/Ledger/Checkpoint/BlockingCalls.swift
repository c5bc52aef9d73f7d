// Calls that may block for long, such as those on a file of a mount whose server is gone, or the look-up of a name.
package import Dispatch
import Synchronization

/// They run on a queue's threads. A caller that is cancelled waits for them no longer.
package struct BlockingCalls: Sendable {
    private let queue: DispatchQueue

    /// On a serial queue no more than one of them blocks a thread; the others wait behind it.
    package init(_ queue: DispatchQueue) { self.queue = queue }

    /// - Parameter late: given the value that nobody waits for any more.
    /// Throws what `call` throws, or `CancellationError`. A call whose caller has gone before its turn is left out.
    package func run<R: Sendable>(
        _ call: @escaping @Sendable () throws -> R, late: @escaping @Sendable (R) -> Void = { _ in }
    ) async throws -> R {
        let waiter = Waiter<R>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard waiter.begin(continuation) else {
                    return continuation.resume(throwing: CancellationError())
                }
                queue.async {
                    guard waiter.isWaiting else { return }
                    let outcome = Result { try call() }
                    if !waiter.end(outcome), case .success(let value) = outcome { late(value) }
                }
            }
        } onCancel: {
            waiter.end(.failure(CancellationError()))
        }
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
