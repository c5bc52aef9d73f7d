// The one writer: groups all waiting operations into one transaction (group commit). A call returns when its
// operation is durable. What waits is bounded: beyond it, entries are refused as `.busy`.
package import Admission
import Dispatch
import Synchronization

/// Groups operations of many callers into commits of one store.
package final class LedgerWriter: Sendable {
    /// Limits of one commit: operations, and bytes of bodies.
    static let largestBatch = 512
    static let largestBatchBytes = 8 << 20

    /// What may wait: a disk that stalls must not fill the memory. Only appends are refused; the other operations are the
    /// gate's own, few, and end what appends began.
    package struct Bounds: Sendable {
        package var operations = 16_384
        /// Of bodies; as many as the webhook listener has room for (`BodyBudget`). One that is larger by itself is taken when no
        /// other body waits.
        package var bytes = 256 << 20

        package init() {}
    }

    /// What one commit was.
    package struct Commit: Sendable {
        package var operations: Int
        /// Until all of it was durable.
        package var duration: Duration
        /// Some operation found something to change.
        package var isWritten: Bool
    }

    /// A commit that failed: nothing of it is stored.
    package struct Failure: Error {
        package let error: any Error
        /// Entries were to be written, or something else that somebody outside waits for, and not only what is the gate's own.
        package let wasWaitedFor: Bool
    }

    private struct Waiting: Sendable {
        let operation: LedgerOperation
        let finish: @Sendable (Result<LedgerOutcome, any Error>) -> Void
    }

    private struct State {
        var waiting: [Waiting] = []
        var bytes = 0
        var isDraining = false
        /// Batches whose callers are still to be told on the queue of answers.
        var untold = 0
    }

    private let store: any LedgerStore
    private let clock: @Sendable () -> Instant
    private let queue = DispatchQueue(label: "ledger.writer")
    /// Tells callers what became of their operations, a batch at a time, while the next batch is written. Where no other waits the
    /// writer does so itself: to wake another thread takes longer.
    private let answers = DispatchQueue(label: "ledger.answers")
    private let bounds: Bounds
    private let ended: @Sendable (Result<Commit, Failure>) -> Void
    private let state = Mutex(State())

    /// - Parameter ended: told of each commit, one after the other, on the thread that writes: it must be quick.
    package init(
        store: any LedgerStore, bounds: Bounds = Bounds(), clock: @escaping @Sendable () -> Instant,
        ended: @escaping @Sendable (Result<Commit, Failure>) -> Void = { _ in }
    ) {
        self.store = store
        self.bounds = bounds
        self.ended = ended
        self.clock = clock
    }

    /// Operations that wait for their commit.
    package var waiting: Int { state.withLock(\.waiting.count) }

    /// Appends an entry (and its drop) and returns when it is durable. Throws `LedgerError` when it is not.
    package func append(_ attempt: Attempt, drop: DropRegistration? = nil) async throws -> AppendedEntry {
        try Self.appended(await commit(.append(attempt, drop: drop)))
    }

    /// What became of an append. Throws for the outcome of any other operation.
    package static func appended(_ outcome: LedgerOutcome) throws -> AppendedEntry {
        guard case .appended(let entry) = outcome else {
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

    /// As `commit`, for callers whose thread may block: where nothing is being written the caller's own thread writes. To wake the
    /// writer's and to be woken by it takes a good part of the time of a small commit.
    @discardableResult
    package func commitHere(_ operation: LedgerOperation) async throws -> LedgerOutcome {
        try await withCheckedThrowingContinuation { continuation in
            submitHere(operation) { continuation.resume(with: $0) }
        }
    }

    /// Marks a released drop as one that its consumer is done with. Returns false when there is no such drop: then there is
    /// no entry either.
    /// - Parameter attempt: the entry of it; nil where another one has said so.
    package func acknowledge(_ drop: String, as attempt: Attempt?, at instant: Instant) async throws -> Bool {
        guard let attempt else {
            guard case .changed(true) = try await commit(.acknowledge(id: drop, at: instant)) else {
                return false
            }
            return true
        }
        // A consumer may say so after the gate has found that the file was taken.
        for state in [DropState.released, .taken] {
            let change = DropChange(id: drop, from: state, kind: .acknowledged(at: instant))
            if case .appended = try await commit(.change(attempt, change)) { return true }
        }
        return false
    }

    /// Queues one operation; `finish` is called after the commit, in the order of the queue, and must not block: it may run on
    /// the thread that writes, and one that waits for another operation would wait for ever. For an append that finds no room it
    /// is called with `.busy`, soon. Never on the caller's thread.
    package func submit(
        _ operation: LedgerOperation, finish: @escaping @Sendable (Result<LedgerOutcome, any Error>) -> Void
    ) {
        if queued(operation, finish) { queue.async { self.drain() } }
    }

    /// As `submit`, but for callers whose thread may block: where nothing is being written the caller's own thread writes, and
    /// `finish` may be called on it, before this returns.
    package func submitHere(
        _ operation: LedgerOperation, finish: @escaping @Sendable (Result<LedgerOutcome, any Error>) -> Void
    ) {
        guard queued(operation, finish) else { return }
        _ = writeBatch()
        // What has come meanwhile is the writer's: a caller writes for others no longer than for itself.
        let isMoreThere = state.withLock { state in
            state.isDraining = !state.waiting.isEmpty
            return state.isDraining
        }
        if isMoreThere { queue.async { self.drain() } }
    }

    /// Returns whether the caller has to have it written: nobody writes yet.
    private func queued(
        _ operation: LedgerOperation, _ finish: @escaping @Sendable (Result<LedgerOutcome, any Error>) -> Void
    ) -> Bool {
        let bytes = Self.bytes(operation)
        // nil: there is no room.
        let mustDrain: Bool? = state.withLock { state in
            if case .append = operation,
                state.waiting.count >= bounds.operations
                    || state.bytes > 0 && state.bytes + bytes > bounds.bytes
            {
                return nil
            }
            state.waiting.append(Waiting(operation: operation, finish: finish))
            state.bytes += bytes
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if mustDrain == nil {
            answers.async { finish(.failure(LedgerError(.busy, "more waits to be written than may wait"))) }
        }
        return mustDrain ?? false
    }

    /// Whether a sender, a consumer or a person waits for it, and is refused when it fails.
    private static func isWaitedFor(_ operation: LedgerOperation) -> Bool {
        switch operation {
        case .append, .change, .together, .dated, .letGo, .acknowledge: true
        default: false
        }
    }

    private static func bytes(_ operation: LedgerOperation) -> Int {
        guard case .append(let append) = operation else { return 0 }
        return append.bodyBytes
    }

    /// Commits batch after batch until nothing waits. Runs on the writer's queue only.
    private func drain() { while writeBatch() {} }

    /// One commit. Returns false when nothing waited; then nobody writes any more. One thread at a time: that which found that nobody
    /// writes, or the writer's queue after it.
    private func writeBatch() -> Bool {
        let batch = state.withLock { state -> [Waiting] in
            let batch = Self.takeBatch(&state.waiting)
            for waiting in batch { state.bytes -= Self.bytes(waiting.operation) }
            if batch.isEmpty { state.isDraining = false }
            return batch
        }
        if batch.isEmpty { return false }
        do {
            let began = ContinuousClock.now
            let outcomes = try store.commit(batch.map(\.operation), now: clock())
            let commit = Commit(
                operations: batch.count, duration: .now - began,
                isWritten: outcomes.contains(where: \.isWritten))
            ended(.success(commit))
            tell { for (waiting, outcome) in zip(batch, outcomes) { waiting.finish(.success(outcome)) } }
        } catch {
            let wasWaitedFor = batch.contains { Self.isWaitedFor($0.operation) }
            ended(.failure(Failure(error: error, wasWaitedFor: wasWaitedFor)))
            tell { for waiting in batch { waiting.finish(.failure(error)) } }
        }
        return true
    }

    /// Tells a batch's callers, after those of the batches before it.
    private func tell(_ callers: @escaping @Sendable () -> Void) {
        let mustPass = state.withLock { state in
            guard state.waiting.isEmpty, state.untold == 0 else {
                state.untold += 1
                return true
            }
            return false
        }
        guard mustPass else { return callers() }
        answers.async {
            callers()
            self.state.withLock { $0.untold -= 1 }
        }
    }

    private static func takeBatch(_ waiting: inout [Waiting]) -> [Waiting] {
        var bytes = 0
        var count = 0
        while count < min(waiting.count, largestBatch), bytes < largestBatchBytes {
            bytes += Self.bytes(waiting[count].operation)
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
