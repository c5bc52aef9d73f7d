// Events of VSee's form, under the right secret, from sources that are not let in: VSee does not document that it
// sends again, so they are kept until somebody has found out whose address it is. They are refused all the same.
import Admission
import Blocking
package import JSON
package import Ledger
import Logging
import Staging
import Synchronization

extension Intake {
    private static let hint = "VSee's address may have changed"

    /// Records a refused event of VSee's form, and holds it if there is room. `attempt`: the refusal.
    package func hold(_ event: WebhookEvent, attempt: Attempt) async {
        var attempt = attempt
        attempt.detail["vsee_shaped"] = true
        let facts = WebhookRegistration(event, at: clock()).facts
        var receipt = receipt(event, attempt, facts)
        if let why = checkSpace() == nil ? reserve(receipt) : .noSpace { return pass(attempt, facts, why) }
        let source = attempt.source?.ip.description ?? ""
        let refused = attempt
        do {
            // First whole, then recorded: what the ledger calls held can be released.
            let held = QuarantinedEvent(receipt: receipt, body: event.body)
            try await quarantining.runToEnd { try self.staging.quarantine(held) }
            attempt.drop = facts
            attempt.drop?.name = receipt.file
            attempt.detail["held"] = true
            attempt.detail["message"] = .string(
                "\(Self.hint): confirm it with VSee, list \(source), then dropgate drops release \(facts.id)")
            receipt.seq = try await record(attempt)
        } catch {
            logger.error("an event in VSee's format from \(source) could not be held: \(error)")
            remove(held: receipt.drop)
            var refused = refused
            refused.tell(.failed)
            return note(refused)
        }
        logger.warning(
            "\(Self.hint): an event with the right secret came from \(source), which is not listed; it is held as drop \(facts.id)"
        )
        do {
            let recorded = receipt
            try await quarantining.runToEnd { try self.staging.amend(recorded) }
        } catch {
            logger.error("the receipt of the held drop \(facts.id) does not name its entry: \(error)")
        }
    }

    /// Records a refused event that is not held: it is already, or there is no room.
    private func pass(_ attempt: Attempt, _ facts: DropFacts, _ why: NotHeld) {
        var attempt = attempt
        attempt.tell(why)
        if let earlier = held.withLock({ $0.drop(holding: facts.sha256) }) {
            attempt.drop = facts
            attempt.drop?.id = earlier
            attempt.drop?.name = StagingLayout.heldFile(earlier)
            attempt.detail["held_as"] = .string(earlier)
        } else {
            attempt.detail["message"] = .string("\(Self.hint); \(why.sentence)")
        }
        note(attempt)
    }

    /// Why there is no room; nil when it was taken.
    private func reserve(_ receipt: Receipt) -> NotHeld? {
        held.withLock {
            $0.take(
                receipt, mostEvents: configuration.mostHeldEvents, mostBytes: configuration.mostHeldBytes)
        }
    }

    /// Takes a drop out of quarantine, and its room back. Returns whether nothing is left of it; retention tries again.
    @discardableResult
    func remove(held drop: String) -> Bool {
        do {
            try staging.dismissQuarantined(drop)
            held.withLock { $0.giveBack(drop) }
            try staging.removeDismissed(drop)
            return true
        } catch {
            logger.error("not all of drop \(drop) could be removed from quarantine: \(error)")
            return false
        }
    }

    /// Puts an event from quarantine where it would have been, if its source is let in now. Throws `.badPath` when
    /// there is no such event, and the reason of the policy when the source is still refused.
    /// - Parameter facts: who releases it and why, for the entry.
    package func releaseHeld(
        _ drop: String, by facts: [String: JSONValue] = [:]
    ) async throws(IntakeError) -> DropOutcome {
        try beginDeciding(drop)
        defer { endDeciding(drop) }
        guard let event = try read(drop, { try staging.quarantinedEvent(drop, limit: 256 << 20) }) else {
            throw IntakeError(
                .badPath,
                "no event \(UntrustedText.head(drop)) in quarantine; `dropgate drops list --held` shows all")
        }
        let receipt = event.receipt
        guard let ip = receipt.source.flatMap({ try? IPAddress($0) }) else {
            throw IntakeError(.addressUndeterminable, "the receipt of \(drop) names no source")
        }
        let policy = policy
        let match = policy.match(ip, channel: .webhook, at: clock())
        guard match.verdict != .rejected else {
            throw IntakeError(
                match.reason,
                "\(ip) is still refused (\(match.reason.rawValue)): once VSee has confirmed the address, "
                    + "`dropgate source add \(ip) --service … --channel webhook`, then release the event")
        }
        var attempt = Attempt(
            kind: .request, channel: .webhook, verdict: match.verdict, reason: match.reason)
        attempt.source = Endpoint(ip: ip)
        attempt.entries = match.entries
        attempt.policy = policy.version
        attempt.detail = facts
        attempt.detail[Attempt.releasedMember] = "quarantine"
        attempt.detail["held_entry"] = receipt.seq.map(JSONValue.int)
        attempt.detail["held_since"] = .string(receipt.received)
        let outcome = try await receive(
            WebhookEvent(
                path: receipt.path ?? "", body: event.body, eventID: receipt.eventID,
                eventType: receipt.eventType, envelope: receipt.envelope ?? "unrecognised",
                contentType: receipt.contentType),
            attempt: attempt, id: drop, received: Instant(rfc3339: receipt.received))
        // Should it stay, it is removed at the next start, and releasing it again finds it a duplicate.
        remove(held: drop)
        return outcome
    }

    /// Throws where somebody else is about it.
    func beginDeciding(_ drop: String) throws(IntakeError) {
        guard deciding.withLock({ $0.insert(drop).inserted }) else { throw Self.decidedElsewhere(drop) }
    }

    func endDeciding(_ drop: String) { deciding.withLock { _ = $0.remove(drop) } }

    /// Events that are held. What is a drop of the ledger was released, and a crash came before it was removed.
    /// - Parameter receipts: of all that lie in quarantine.
    static func stillHeld(
        _ receipts: [Receipt], _ staging: StagingArea, _ store: any LedgerStore, _ logger: Logger
    ) throws -> [Receipt] {
        try receipts.filter { receipt in
            guard try store.drop(id: receipt.drop) != nil else { return true }
            do throws(StagingError) {
                return try !staging.dismissQuarantined(receipt.drop)
            } catch {
                logger.error("drop \(receipt.drop), which is released, stays in quarantine: \(error)")
                return true
            }
        }
    }

    /// Reads something of a held drop. What cannot be read is another thing than nothing held.
    func read<Held>(_ drop: String, _ held: () throws -> Held?) throws(IntakeError) -> Held? {
        do { return try held() } catch {
            logger.error("quarantine: drop \(drop): \(error)")
            let message = "what is held of drop \(drop) in quarantine cannot be read: \(error)"
            // What is damaged or gone stays so; what staging does not give now it may give later.
            let code = (error as? StagingError)?.code
            let isFinal = code == nil || code == .damaged || code == .notFound
            throw isFinal
                ? IntakeError(.malformed, message) : IntakeError(.ledgerFailed, message, retryAfter: 30)
        }
    }

    private func receipt(_ event: WebhookEvent, _ attempt: Attempt, _ facts: DropFacts) -> Receipt {
        let name = StagingLayout.heldFile(facts.id)
        var receipt = Receipt(
            drop: facts.id, channel: Channel.webhook.rawValue, name: event.eventType ?? "event", file: name,
            bytes: facts.bytes, received: clock().description)
        receipt.source = attempt.source?.ip.description
        receipt.credential = attempt.credential
        receipt.entries = attempt.entries.isEmpty ? nil : attempt.entries
        receipt.policy = attempt.policy
        receipt.sha256 = facts.sha256
        receipt.eventID = event.eventID
        receipt.eventType = event.eventType
        receipt.envelope = event.envelope
        receipt.reason = attempt.reason.rawValue
        receipt.path = event.path
        receipt.contentType = event.contentType
        return receipt
    }
}
