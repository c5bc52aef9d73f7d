// Settles requests that have arrived whole: checks the signature, labels the envelope, has the event committed, and
// only then says 200. The single caller of `Intake.receive`. No Foundation, no logging per request.
import Admission
import Intake
import Ledger
import NIOHTTP1
import Settings

struct Clerk: Sendable {
    let listener: Listener

    /// The answer to a request. Everything that is to be recorded has been when this returns.
    func answer(_ arrival: Arrival) async -> Answer {
        switch arrival.matter {
        case .event(let offered): await keep(arrival, offered)
        case .stranger: .error(.forbidden, "forbidden", id: arrival.id)
        case .reachability: await tell(arrival, what: [:])
        }
    }

    private func keep(_ arrival: Arrival, _ offered: OfferedEvent) async -> Answer {
        if let fault = signatureFault(offered) {
            let answer = Reception.unauthorised(listener, id: arrival.id)
            listener.intake.note(
                attempt(
                    .request, arrival, status: answer.status, refused: .badSignature,
                    detail: ["check": ["signature"], "signature": .string(fault.rawValue)]))
            return answer
        }
        var arrival = arrival
        arrival.decision = listener.intake.admitAgain(arrival.decision, channel: .webhook)
        guard arrival.decision.isAdmitted else {
            listener.intake.note(
                attempt(.request, arrival, status: .forbidden, refused: arrival.decision.reason))
            return .error(.forbidden, "forbidden", id: arrival.id)
        }
        let envelope = Envelope.read(offered.body)
        guard !envelope.isProbe else {
            return await tell(
                arrival, what: ["status": "probe", "envelope": .string(envelope.form.rawValue)])
        }
        do throws(IntakeError) {
            let outcome = try await listener.intake.receive(
                event(arrival, offered, envelope), attempt: attempt(.request, arrival, status: .ok))
            return .kept(dropID: outcome.id, isDuplicate: outcome.status == .duplicate)
        } catch {
            return unavailable(arrival, .request, error.code, retryAfter: error.retryAfter)
        }
    }

    /// What is left to do once an answer is on its way. A stranger that showed the right secret and sent what is
    /// VSee's in form: its event is held in quarantine, because VSee's address may have changed, and nobody knows
    /// whether it sends again. It hears what every stranger hears, as soon.
    func settle(_ arrival: Arrival) async {
        guard case .stranger(let offered, var failed) = arrival.matter else { return }
        var refused = attempt(.request, arrival, status: .forbidden, refused: arrival.decision.reason)
        if let fault = signatureFault(offered) {
            failed.append("signature")
            refused.detail["signature"] = .string(fault.rawValue)
        }
        let envelope = Envelope.read(offered.body)
        guard failed.isEmpty, envelope.form != .unrecognised, !envelope.isProbe else {
            if !failed.isEmpty { refused.detail["check"] = .array(failed.map { .string($0) }) }
            return listener.intake.note(refused)
        }
        await listener.intake.hold(event(arrival, offered, envelope), attempt: refused)
    }

    private func signatureFault(_ offered: OfferedEvent) -> SignatureFault? {
        guard listener.checks.wantsSignature else { return nil }
        guard let signature = offered.signature else { return .malformed }
        return listener.checks.fault(of: signature, for: offered.body, now: .now())
    }

    private func event(_ arrival: Arrival, _ offered: OfferedEvent, _ envelope: Envelope) -> WebhookEvent {
        WebhookEvent(
            path: arrival.maskedPath, body: offered.body, eventID: envelope.eventID,
            eventType: envelope.eventType, envelope: envelope.form.rawValue, contentType: offered.contentType,
            looksLikeJSON: envelope.looksLikeJSON, repeatsWithin: listener.settings.repeatWindow)
    }

    /// What the gate saw of a probe. It is in the ledger when the caller reads it, with the number it reads.
    private func tell(_ arrival: Arrival, what: [String: JSONValue]) async -> Answer {
        let time = Instant.now()
        let seq: Int64
        do {
            seq = try await listener.intake.record(attempt(.probe, arrival, status: .ok, detail: what))
        } catch {
            return unavailable(arrival, .probe, .ledgerFailed, retryAfter: nil)
        }
        let decision = arrival.decision
        var seen: [String: JSONValue] = [
            "id": .string(arrival.id), "seq": .int(seq), "time": .string(time.description),
            "verdict": .string(decision.verdict.rawValue), "reason": .string(decision.reason.rawValue),
            "entries": .array(decision.entries.map { .string($0) }), "policy": .string(decision.policy),
            "address_mode": .string(decision.mode.rawValue), "http": .string(arrival.transport.http),
            "trace": .array(decision.trace.map { .string($0) }),
        ]
        if let source = decision.source { seen["source"] = .string(source.description) }
        if let peer = decision.peer { seen["peer"] = .string(peer.description) }
        if let tls = arrival.transport.tls { seen["tls"] = .string(tls) }
        seen.merge(what) { _, new in new }
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
