// A value that becomes known once: the port, or why there is none. Every waiter gets it, early or late.
import Synchronization

final class BoundPort: Sendable {
    private enum State {
        case waiting([CheckedContinuation<Int, any Error>])
        case known(Result<Int, any Error>)
    }

    private let state = Mutex(State.waiting([]))

    var value: Int {
        get async throws {
            try await withCheckedThrowingContinuation { continuation in
                let known: Result<Int, any Error>? = state.withLock {
                    switch $0 {
                    case .known(let result): return result
                    case .waiting(let others):
                        $0 = .waiting(others + [continuation])
                        return nil
                    }
                }
                if let known { continuation.resume(with: known) }
            }
        }
    }

    func succeed(_ port: Int) { settle(.success(port)) }
    func fail(_ error: any Error) { settle(.failure(error)) }

    /// The first outcome stays.
    private func settle(_ result: Result<Int, any Error>) {
        let waiters: [CheckedContinuation<Int, any Error>] = state.withLock {
            guard case .waiting(let waiters) = $0 else { return [] }
            $0 = .known(result)
            return waiters
        }
        for waiter in waiters { waiter.resume(with: result) }
    }
}
