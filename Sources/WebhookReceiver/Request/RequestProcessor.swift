// Settles requests that have arrived whole: checks the signature, labels the envelope, has the event committed, and
// only then says 200. The single caller of `Intake.receive`. No Foundation, no logging and no task per request.
import Admission
import Intake
import JSON
import Ledger
import NIOHTTP1
import Settings

struct RequestProcessor: Sendable {
    typealias Respond = @Sendable (Answer) -> Void

    let listener: WebhookListener

    /// Answers a request, once everything that is to be recorded has been.
    /// - Parameter respond: called once, on this thread or another one; it must not block.
    func answer(_ received: ReceivedRequest, respond: @escaping Respond) {
        switch received.head.purpose {
        case .event: keep(received, respond)
        case .unlisted: respond(.error(.forbidden, "forbidden", id: received.head.id))
        case .reachability: tell(received.head, received.head.decision, what: [:], respond)
        }
    }

    private func keep(_ received: ReceivedRequest, _ respond: @escaping Respond) {
        let head = received.head
        if let fault = signatureFault(received) {
            let answer = RequestValidator.unauthorised(listener, id: head.id)
            listener.intake.note(
                Attempt(
                    head, status: answer.status, refused: .badSignature,
                    detail: ["check": ["signature"], "signature": .string(fault.rawValue)]))
            return respond(answer)
        }
        let decision = listener.intake.admitAgain(head.decision, channel: .webhook)
        guard decision.isAdmitted else {
            var refused = Attempt(head, .request, decision, status: .forbidden, refused: decision.reason)
            if listener.settings.unlisted == .quarantine { refused.tell(.noLongerListed) }
            listener.intake.note(refused)
            return respond(.error(.forbidden, "forbidden", id: head.id))
        }
        let envelope = Envelope.read(received.body)
        guard !envelope.isProbe else {
            return tell(
                head, decision, what: ["status": "probe", "envelope": .string(envelope.form.rawValue)],
                respond)
        }
        let attempt = Attempt(head, .request, decision, status: .ok)
        listener.intake.receive(event(received, envelope), attempt: attempt) { result in
            switch result {
            case .success(let outcome):
                respond(.kept(dropID: outcome.id, isDuplicate: outcome.status == .duplicate))
            case .failure(let error):
                respond(unavailable(head, .request, decision, error.code, retryAfter: error.retryAfter))
            }
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
    private func tell(
        _ head: RequestHead, _ decision: Decision, what: [String: JSONValue], _ respond: @escaping Respond
    ) {
        let time = Instant.now()
        listener.intake.record(Attempt(head, .probe, decision, status: .ok, detail: what)) { result in
            switch result {
            case .success(let seq): respond(Self.seen(head, decision, what, seq: seq, time: time))
            case .failure: respond(unavailable(head, .probe, decision, .ledgerFailed, retryAfter: nil))
            }
        }
    }

    private static func seen(
        _ head: RequestHead, _ decision: Decision, _ what: [String: JSONValue], seq: Int64, time: Instant
    ) -> Answer {
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
        _ head: RequestHead, _ kind: EntryKind, _ decision: Decision, _ reason: Reason, retryAfter: Int?
    ) -> Answer {
        listener.intake.note(Attempt(head, kind, decision, status: .serviceUnavailable, refused: reason))
        var answer = Answer.error(.serviceUnavailable, "try again later", id: head.id)
        answer.retryAfter = retryAfter ?? RequestValidator.retryAfter
        return answer
    }
}
