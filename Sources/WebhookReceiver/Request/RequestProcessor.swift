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
        switch received.head.purpose {
        case .event: await keep(received)
        case .unlisted: .error(.forbidden, "forbidden", id: received.head.id)
        case .reachability: await tell(received.head, what: [:])
        }
    }

    private func keep(_ received: ReceivedRequest) async -> Answer {
        var head = received.head
        if let fault = signatureFault(received) {
            let answer = RequestValidator.unauthorised(listener, id: head.id)
            listener.intake.note(
                Attempt(
                    head, status: answer.status, refused: .badSignature,
                    detail: ["check": ["signature"], "signature": .string(fault.rawValue)]))
            return answer
        }
        head.decision = listener.intake.admitAgain(head.decision, channel: .webhook)
        guard head.decision.isAdmitted else {
            var refused = Attempt(head, status: .forbidden, refused: head.decision.reason)
            if listener.settings.unlisted == .quarantine { refused.tell(.noLongerListed) }
            listener.intake.note(refused)
            return .error(.forbidden, "forbidden", id: head.id)
        }
        let envelope = Envelope.read(received.body)
        guard !envelope.isProbe else {
            return await tell(
                head, what: ["status": "probe", "envelope": .string(envelope.form.rawValue)])
        }
        do throws(IntakeError) {
            let outcome = try await listener.intake.receive(
                event(received, envelope), attempt: Attempt(head, status: .ok))
            return .kept(dropID: outcome.id, isDuplicate: outcome.status == .duplicate)
        } catch {
            return unavailable(head, .request, error.code, retryAfter: error.retryAfter)
        }
    }

    /// What is left to do once an answer is on its way. An unlisted source that showed the right secret and sent what is
    /// VSee's in form: its event is held in quarantine, because VSee's address may have changed, and nobody knows
    /// whether it sends again. It hears what every unlisted source hears, as soon.
    func settle(_ received: ReceivedRequest) async {
        guard case .unlisted(var failed) = received.head.purpose else { return }
        var refused = Attempt(received.head, status: .forbidden, refused: received.head.decision.reason)
        if !listener.settings.checks.isAny { refused.tell(.noSecretConfigured) }
        if !failed.isEmpty { refused.tell(.wrongSecret) }
        if let fault = signatureFault(received) {
            failed.append("signature")
            refused.tell(fault == .stale ? .expiredSignature : .wrongSignature)
            refused.detail["signature"] = .string(fault.rawValue)
        }
        let envelope = Envelope.read(received.body)
        if envelope.form == .unrecognised { refused.tell(.notVSeesForm) }
        if envelope.isProbe { refused.tell(.probe) }
        guard refused.detail[Attempt.notHeldMember] == nil else {
            if !failed.isEmpty { refused.detail["check"] = .array(failed.map { .string($0) }) }
            return listener.intake.note(refused)
        }
        await listener.intake.hold(event(received, envelope), attempt: refused)
    }

    private func signatureFault(_ received: ReceivedRequest) -> SignatureFault? {
        guard listener.checks.wantsSignature else { return nil }
        guard let signature = received.head.signature else { return .malformed }
        return listener.checks.fault(of: signature, for: received.body, now: .now())
    }

    private func event(_ received: ReceivedRequest, _ envelope: Envelope) -> WebhookEvent {
        WebhookEvent(
            path: received.head.maskedPath, body: received.body, eventID: envelope.eventID,
            eventType: envelope.eventType, envelope: envelope.form.rawValue,
            contentType: received.head.contentType, looksLikeJSON: envelope.looksLikeJSON,
            repeatsWithin: listener.settings.repeatWindow)
    }

    /// What the gate saw of a probe. It is in the ledger when the caller reads it, with the number it reads.
    private func tell(_ head: RequestHead, what: [String: JSONValue]) async -> Answer {
        let time = Instant.now()
        let seq: Int64
        do {
            seq = try await listener.intake.record(Attempt(head, .probe, status: .ok, detail: what))
        } catch {
            return unavailable(head, .probe, .ledgerFailed, retryAfter: nil)
        }
        let decision = head.decision
        var seen: [String: JSONValue] = [
            "id": .string(head.id), "seq": .int(seq), "time": .string(time.description),
            "verdict": .string(decision.verdict.rawValue), "reason": .string(decision.reason.rawValue),
            "entries": .array(decision.entries.map { .string($0) }), "policy": .string(decision.policy),
            "address_mode": .string(decision.mode.rawValue), "http": .string(head.transport.http),
            "trace": .array(decision.trace.map { .string($0) }),
        ]
        if let source = decision.source { seen["source"] = .string(source.description) }
        if let peer = decision.peer { seen["peer"] = .string(peer.description) }
        if let tls = head.transport.tls { seen["tls"] = .string(tls) }
        seen.merge(what) { _, new in new }
        return Answer(.ok, body: CanonicalJSON.encode(.object(seen)) + [0x0A])
    }

    /// Nothing was kept: the caller is asked to come again.
    private func unavailable(
        _ head: RequestHead, _ kind: EntryKind, _ reason: Reason, retryAfter: Int?
    ) -> Answer {
        listener.intake.note(Attempt(head, kind, status: .serviceUnavailable, refused: reason))
        var answer = Answer.error(.serviceUnavailable, "try again later", id: head.id)
        answer.retryAfter = retryAfter ?? RequestValidator.retryAfter
        return answer
    }
}
