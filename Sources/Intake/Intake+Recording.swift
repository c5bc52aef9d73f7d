// Attempts on their way to the ledger: written one by one and waited for, noted without waiting, or counted into one entry where they come
// in floods.
import Admission
import Dispatch
package import Ledger
import Synchronization

extension Intake {
    /// Writes an attempt to the ledger and returns its seq once it is durable. Throws `LedgerError`.
    @discardableResult
    package func record(_ attempt: Attempt) async throws -> Int64 {
        try await withCheckedThrowingContinuation { continuation in
            record(attempt) { continuation.resume(with: $0) }
        }
    }

    /// As above, without a task: `finish` is called once, on the thread that writes, and must not block.
    package func record(_ attempt: Attempt, finish: @escaping @Sendable (Result<Int64, any Error>) -> Void) {
        let attempt = marked(attempt)
        writer.submit(.append(attempt, drop: nil)) { result in
            finish(
                Result {
                    let entry = try LedgerWriter.appended(result.get())
                    self.counters.add(attempt)
                    self.contacts.heard(attempt, at: entry.time)
                    return entry.seq
                })
        }
    }

    /// Writes an attempt to the ledger without waiting. Rejections that come in floods are counted into one
    /// entry; what cannot be written now is counted and written later.
    package func note(_ attempt: Attempt) {
        let own = marked(attempt)
        guard attempt.verdict == .rejected, own == attempt else { return write(own) }
        counters.add(attempt)
        // One that says that there is no room comes at once: whoever reads the ledger must know now, and for what.
        let passes =
            (space.level == .enough || attempt.reason == .stagingFull)
            && !ledgerHealth.fails
        let written = flood.withLock { $0.take(attempt, at: clock(), passes: passes) }
        if let written { submit(written) }
    }

    /// As a probe when this machine has said that it would make the connection.
    private func marked(_ attempt: Attempt) -> Attempt {
        ownConnections.contains(attempt.peer ?? attempt.source) ? attempt.asOwn : attempt
    }

    /// As `note`, but never counted into another entry: for what the gate did itself and must be accounted for one by
    /// one. Callers bound how much of it there can be.
    func write(_ attempt: Attempt) {
        counters.add(attempt)
        submit(attempt)
    }

    /// Writes what is counted already.
    private func submit(_ attempt: Attempt) {
        let time = clock()
        writer.submit(.append(attempt, drop: nil)) { result in
            switch result {
            case .success: self.contacts.heard(attempt, at: time)
            case .failure: self.flood.withLock { _ = $0.take(attempt, at: time, passes: false) }
            }
        }
    }

    func flushEverySecond() {
        floodQueue.asyncAfter(deadline: .now() + 1) { [weak self] in
            guard let self, !isClosed.load(ordering: .acquiring) else { return }
            flushFlood()
            tryLedger()
            tryPlacesInTime()
            flushEverySecond()
        }
    }

    /// Looks whether the ledger is this process's to write, before the next caller is refused for it. It is for a thread that may block.
    /// Throws `LedgerError(.outrun)` once another process has written it.
    package func lookAtLedger() throws {
        do { try store.requireInPlace() } catch {
            ledgerHealth.fail(error)
            if (error as? LedgerError)?.code == .outrun { throw error }
            return
        }
        guard !store.hasLock else { return }
        // A commit takes it again, or finds who has it.
        writer.submit(.touch) { if case .failure(let error) = $0 { self.ledgerHealth.fail(error) } }
    }

    /// While the ledger could not be written last: whoever balances callers sends none, and nothing else may come to be written.
    private func tryLedger() {
        guard ledgerHealth.fails, writer.waiting == 0 else { return }
        writer.submit(.touch) { _ in }
    }

    func flushFlood(all: Bool = false) {
        // Below the reserve nothing is written that can wait: it is counted on.
        if !all, case .exhausted = space.level { return }
        for attempt in flood.withLock({ $0.flush(at: clock(), all: all) }) { submit(attempt) }
    }
}
