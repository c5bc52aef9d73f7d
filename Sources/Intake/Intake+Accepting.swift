// Accepting an event: the entry and its body become durable together, then the stager gets it, then its sender is told. From the
// receiver to the ledger's writer and back it is one step each way, without a task.
package import Admission
import JSON
package import Ledger
import Logging

extension Intake {
    /// Accepts a webhook: returns once entry and body are durable. Staging follows by itself.
    /// `attempt` says everything but the drop.
    /// `id`, `received`: those of an event that was held in quarantine.
    package func receive(
        _ event: WebhookEvent, attempt: Attempt, id: String? = nil, received: Instant? = nil
    ) async throws(IntakeError) -> DropOutcome {
        let result = await withCheckedContinuation { continuation in
            receive(event, attempt: attempt, id: id, received: received) {
                continuation.resume(returning: $0)
            }
        }
        switch result {
        case .success(let outcome): return outcome
        case .failure(let error): throw error
        }
    }

    /// As above, without a task: `finish` is called once, on this thread or on one of the ledger's, and must not block.
    package func receive(
        _ event: WebhookEvent, attempt: Attempt, id: String? = nil, received: Instant? = nil,
        finish: @escaping @Sendable (Result<DropOutcome, IntakeError>) -> Void
    ) {
        if let error = checkSpace() { return finish(.failure(error)) }
        let registration = WebhookRegistration(event, id: id, at: clock())
        var attempt = attempt
        attempt.drop = registration.facts
        attempt.drop?.received = received
        // For these two and what the ledger may add: else it grows twice for each event.
        attempt.detail.reserveCapacity(4)
        attempt.detail["envelope"] = .string(event.envelope)
        attempt.detail["content_type"] = event.contentType.map(JSONValue.string)
        let new = LedgerAppend(attempt, drop: registration.drop)
        append(new) { [body = event.body, id = registration.drop.id] result in
            switch result {
            case .failure(let error): finish(.failure(error))
            case .success(let entry):
                guard let record = entry.drop else {
                    return finish(
                        .success(
                            DropOutcome(
                                id: entry.repeats ?? id, status: .duplicate, name: "", seq: entry.seq)))
                }
                let committed = CommittedEvent(new, body: body, entry: entry, record: record)
                self.stager.offer(committed) {
                    finish(
                        .success(
                            DropOutcome(
                                id: record.id, status: .stored, name: record.readyPath, seq: entry.seq)))
                }
            }
        }
    }

    /// For callers whose thread may block.
    func append(_ attempt: Attempt, _ drop: DropRegistration) async throws(IntakeError) -> AppendedEntry {
        let new = LedgerAppend(attempt, drop: drop)
        let result = await withCheckedContinuation { continuation in
            writer.submitHere(.append(new)) { continuation.resume(returning: self.appended(new, $0)) }
        }
        switch result {
        case .success(let entry): return entry
        case .failure(let error): throw error
        }
    }

    private func append(
        _ new: LedgerAppend, finish: @escaping @Sendable (Result<AppendedEntry, IntakeError>) -> Void
    ) {
        writer.submit(.append(new)) { finish(self.appended(new, $0)) }
    }

    private func appended(
        _ new: LedgerAppend, _ result: Result<LedgerOutcome, any Error>
    ) -> Result<AppendedEntry, IntakeError> {
        do {
            let entry = try LedgerWriter.appended(result.get())
            counters.add(new.attempt, reason: entry.repeats == nil ? nil : .duplicate)
            if entry.drop != nil { figures.stored(new.attempt) }
            contacts.heard(new.attempt, at: entry.time)
            return .success(entry)
        } catch {
            return .failure(Self.refusal(of: error))
        }
    }

    private static func refusal(of error: any Error) -> IntakeError {
        isBusy(error)
            ? IntakeError(.rateLimited, "too much waits to be written, nothing was stored", retryAfter: 1)
            : IntakeError(.ledgerFailed, "the ledger cannot be written, nothing was stored", retryAfter: 30)
    }

    /// It could be written, but not now.
    private static func isBusy(_ error: any Error) -> Bool { (error as? LedgerError)?.code == .busy }
}
