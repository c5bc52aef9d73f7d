// Settles requests that have arrived whole: checks the signature, labels the envelope, has the event committed, and
// only then says 200. The single caller of `Intake.receive`. No Foundation, no logging per request.
import Admission
import Intake
import Ledger
import NIOHTTP1

struct Clerk: Sendable {
    let listener: Listener

    /// The answer to a request. Everything that is to be recorded has been when this returns.
    func answer(_ arrival: Arrival) async -> Answer {
        switch arrival.matter {
        case .event(let body, let contentType, let signature):
            return await keep(arrival, body: body, contentType: contentType, signature: signature)
        case .probe(let facts):
            return await tell(arrival, facts)
        }
    }

    private func keep(
        _ arrival: Arrival, body: [UInt8], contentType: String?, signature: OfferedSignature?
    ) async -> Answer {
        if listener.checks.wantsSignature {
            guard let signature, listener.checks.isSigned(body, by: signature, now: .now()) else {
                let answer = Reception.unauthorised(listener, id: arrival.id)
                listener.intake.note(
                    attempt(
                        .request, arrival, status: answer.status, refused: .badSignature,
                        detail: ["check": ["signature"]]))
                return answer
            }
        }
        let envelope = Envelope.read(body)
        let event = WebhookEvent(
            path: arrival.maskedPath, body: body, eventID: envelope.eventID, eventType: envelope.eventType,
            envelope: envelope.form.rawValue, contentType: contentType)
        do throws(IntakeError) {
            let outcome = try await listener.intake.receive(
                event, attempt: attempt(.request, arrival, status: .ok))
            return .kept(dropID: outcome.id, isDuplicate: outcome.status == .duplicate)
        } catch {
            return unavailable(arrival, .request, error.code, retryAfter: error.retryAfter)
        }
    }

    /// What the gate saw of a probe. It is in the ledger when the caller reads it, with the number it reads.
    private func tell(_ arrival: Arrival, _ facts: ProbeFacts) async -> Answer {
        let time = Instant.now()
        let seq: Int64
        do {
            seq = try await listener.intake.record(attempt(.probe, arrival, status: .ok))
        } catch {
            return unavailable(arrival, .probe, .ledgerFailed, retryAfter: nil)
        }
        let decision = arrival.decision
        var seen: [String: JSONValue] = [
            "id": .string(arrival.id), "seq": .int(seq), "time": .string(time.description),
            "verdict": .string(decision.verdict.rawValue), "reason": .string(decision.reason.rawValue),
            "entries": .array(decision.entries.map { .string($0) }), "policy": .string(decision.policy),
            "address_mode": .string(decision.mode.rawValue), "http": .string(facts.http),
            "trace": .array(decision.trace.map { .string($0) }),
        ]
        if let source = decision.source { seen["source"] = .string(source.description) }
        if let peer = decision.peer { seen["peer"] = .string(peer.description) }
        if let tls = facts.tls { seen["tls"] = .string(tls) }
        return Answer(.ok, body: CanonicalJSON.encode(.object(seen)) + [0x0A])
    }

    private func attempt(
        _ kind: EntryKind, _ arrival: Arrival, status: HTTPResponseStatus, refused reason: Reason? = nil,
        detail: [String: JSONValue] = [:]
    ) -> Attempt {
        Attempt(
            kind, id: arrival.id, decision: arrival.decision, credential: arrival.credential,
            method: arrival.method,
            path: arrival.maskedPath, status: status, refused: reason, detail: detail)
    }

    /// Nothing was kept: the caller is asked to come again.
    private func unavailable(
        _ arrival: Arrival, _ kind: EntryKind, _ reason: Reason, retryAfter: Int?
    ) -> Answer {
        listener.intake.note(attempt(kind, arrival, status: .serviceUnavailable, refused: reason))
        var answer = Answer.error(.serviceUnavailable, "try again later", id: arrival.id)
        answer.retryAfter = retryAfter ?? Reception.retryAfter
        return answer
    }
}
