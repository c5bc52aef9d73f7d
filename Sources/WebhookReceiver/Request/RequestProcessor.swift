// Settles requests that have arrived whole: checks the signature, labels the envelope, has the event committed, and
// only then says 200. The single caller of `Intake.receive`. No Foundation, no logging per request.
import Admission
import Intake
import JSON
import Ledger
import NIOHTTP1
import Settings

struct RequestProcessor: Sendable {
    let listener: WebhookListener

    /// The answer to a request. Everything that is to be recorded has been when this returns.
    func answer(_ received: ReceivedRequest) async -> Answer {
        switch received.payload {
        case .event(let offered): await keep(received, offered)
        case .unlisted: .error(.forbidden, "forbidden", id: received.id)
        case .reachability: await tell(received, what: [:])
        }
    }

    private func keep(_ received: ReceivedRequest, _ offered: OfferedEvent) async -> Answer {
        if let fault = signatureFault(offered) {
            let answer = RequestValidator.unauthorised(listener, id: received.id)
            listener.intake.note(
                attempt(
                    .request, received, status: answer.status, refused: .badSignature,
                    detail: ["check": ["signature"], "signature": .string(fault.rawValue)]))
            return answer
        }
        var received = received
        received.decision = listener.intake.admitAgain(received.decision, channel: .webhook)
        guard received.decision.isAdmitted else {
            listener.intake.note(
                attempt(.request, received, status: .forbidden, refused: received.decision.reason))
            return .error(.forbidden, "forbidden", id: received.id)
        }
        let envelope = Envelope.read(offered.body)
        guard !envelope.isProbe else {
            return await tell(
                received, what: ["status": "probe", "envelope": .string(envelope.form.rawValue)])
        }
        do throws(IntakeError) {
            let outcome = try await listener.intake.receive(
                event(received, offered, envelope), attempt: attempt(.request, received, status: .ok))
            return .kept(dropID: outcome.id, isDuplicate: outcome.status == .duplicate)
        } catch {
            return unavailable(received, .request, error.code, retryAfter: error.retryAfter)
        }
    }

    /// What is left to do once an answer is on its way. An unlisted source that showed the right secret and sent what is
    /// VSee's in form: its event is held in quarantine, because VSee's address may have changed, and nobody knows
    /// whether it sends again. It hears what every unlisted source hears, as soon.
    func settle(_ received: ReceivedRequest) async {
        guard case .unlisted(let offered, var failed) = received.payload else { return }
        var refused = attempt(.request, received, status: .forbidden, refused: received.decision.reason)
        if let fault = signatureFault(offered) {
            failed.append("signature")
            refused.detail["signature"] = .string(fault.rawValue)
        }
        let envelope = Envelope.read(offered.body)
        guard failed.isEmpty, envelope.form != .unrecognised, !envelope.isProbe else {
            if !failed.isEmpty { refused.detail["check"] = .array(failed.map { .string($0) }) }
            return listener.intake.note(refused)
        }
        await listener.intake.hold(event(received, offered, envelope), attempt: refused)
    }

    private func signatureFault(_ offered: OfferedEvent) -> SignatureFault? {
        guard listener.checks.wantsSignature else { return nil }
        guard let signature = offered.signature else { return .malformed }
        return listener.checks.fault(of: signature, for: offered.body, now: .now())
    }

    private func event(_ received: ReceivedRequest, _ offered: OfferedEvent, _ envelope: Envelope)
        -> WebhookEvent
    {
        WebhookEvent(
            path: received.maskedPath, body: offered.body, eventID: envelope.eventID,
            eventType: envelope.eventType, envelope: envelope.form.rawValue, contentType: offered.contentType,
            looksLikeJSON: envelope.looksLikeJSON, repeatsWithin: listener.settings.repeatWindow)
    }

    /// What the gate saw of a probe. It is in the ledger when the caller reads it, with the number it reads.
    private func tell(_ received: ReceivedRequest, what: [String: JSONValue]) async -> Answer {
        let time = Instant.now()
        let seq: Int64
        do {
            seq = try await listener.intake.record(attempt(.probe, received, status: .ok, detail: what))
        } catch {
            return unavailable(received, .probe, .ledgerFailed, retryAfter: nil)
        }
        let decision = received.decision
        var seen: [String: JSONValue] = [
            "id": .string(received.id), "seq": .int(seq), "time": .string(time.description),
            "verdict": .string(decision.verdict.rawValue), "reason": .string(decision.reason.rawValue),
            "entries": .array(decision.entries.map { .string($0) }), "policy": .string(decision.policy),
            "address_mode": .string(decision.mode.rawValue), "http": .string(received.transport.http),
            "trace": .array(decision.trace.map { .string($0) }),
        ]
        if let source = decision.source { seen["source"] = .string(source.description) }
        if let peer = decision.peer { seen["peer"] = .string(peer.description) }
        if let tls = received.transport.tls { seen["tls"] = .string(tls) }
        seen.merge(what) { _, new in new }
        return Answer(.ok, body: CanonicalJSON.encode(.object(seen)) + [0x0A])
    }

    private func attempt(
        _ kind: EntryKind, _ received: ReceivedRequest, status: HTTPResponseStatus,
        refused reason: Reason? = nil,
        detail: [String: JSONValue] = [:]
    ) -> Attempt {
        Attempt(
            kind, id: received.id, decision: received.decision, credential: received.credential,
            method: received.method,
            path: received.maskedPath, status: status, refused: reason, detail: detail)
    }

    /// Nothing was kept: the caller is asked to come again.
    private func unavailable(
        _ received: ReceivedRequest, _ kind: EntryKind, _ reason: Reason, retryAfter: Int?
    ) -> Answer {
        listener.intake.note(attempt(kind, received, status: .serviceUnavailable, refused: reason))
        var answer = Answer.error(.serviceUnavailable, "try again later", id: received.id)
        answer.retryAfter = retryAfter ?? RequestValidator.retryAfter
        return answer
    }
}
