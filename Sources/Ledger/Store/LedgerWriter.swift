// The one writer: groups all waiting operations into one transaction (group commit). A call returns when its
// operation is durable. It knows nothing of what the operations mean.
package import Admission
import Dispatch
import Synchronization

/// Groups operations of many callers into commits of one store.
package final class LedgerWriter: Sendable {
    /// Limits of one commit: operations, and bytes of bodies.
    static let largestBatch = 512
    static let largestBatchBytes = 8 << 20

    private struct Waiting: Sendable {
        let operation: LedgerOperation
        let finish: @Sendable (Result<LedgerOutcome, any Error>) -> Void
    }

    private struct State {
        var waiting: [Waiting] = []
        var isDraining = false
    }

    private let store: any LedgerStore
    private let clock: @Sendable () -> Instant
    private let queue = DispatchQueue(label: "ledger.writer", qos: .userInitiated)
    private let state = Mutex(State())

    package init(store: any LedgerStore, clock: @escaping @Sendable () -> Instant) {
        self.store = store
        self.clock = clock
    }

    /// Appends an entry (and its drop) and returns when it is durable. Throws `LedgerError` when it is not.
    package func append(_ attempt: Attempt, drop: DropRegistration? = nil) async throws -> AppendedEntry {
        guard case .appended(let entry) = try await commit(.append(attempt, drop: drop)) else {
            throw LedgerError(.unwritable, "the ledger's store answered an append with something else")
        }
        return entry
    }

    /// Carries out one operation and returns when it is durable.
    @discardableResult
    package func commit(_ operation: LedgerOperation) async throws -> LedgerOutcome {
        try await withCheckedThrowingContinuation { continuation in
            submit(operation) { continuation.resume(with: $0) }
        }
    }

    /// Queues one operation; `finish` is called on the writer's queue after the commit and must not block.
    package func submit(
        _ operation: LedgerOperation, finish: @escaping @Sendable (Result<LedgerOutcome, any Error>) -> Void
    ) {
        let mustDrain = state.withLock { state in
            state.waiting.append(Waiting(operation: operation, finish: finish))
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if mustDrain { queue.async { self.drain() } }
    }

    /// Commits batch after batch until nothing waits. Runs on the writer's queue only.
    private func drain() {
        while true {
            let batch = state.withLock { state -> [Waiting] in
                let batch = Self.takeBatch(&state.waiting)
                if batch.isEmpty { state.isDraining = false }
                return batch
            }
            if batch.isEmpty { return }
            do {
                let outcomes = try store.commit(batch.map(\.operation), now: clock())
                for (waiting, outcome) in zip(batch, outcomes) { waiting.finish(.success(outcome)) }
            } catch {
                for waiting in batch { waiting.finish(.failure(error)) }
            }
        }
    }

    private static func takeBatch(_ waiting: inout [Waiting]) -> [Waiting] {
        var bytes = 0
        var count = 0
        while count < min(waiting.count, largestBatch), bytes < largestBatchBytes {
            if case .append(_, let drop?) = waiting[count].operation, case .body(let body) = drop.content {
                bytes += body.count
            }
            count += 1
        }
        if count == waiting.count {
            defer { waiting = [] }
            return waiting
        }
        let batch = Array(waiting[..<count])
        waiting.removeFirst(count)
        return batch
    }
}
