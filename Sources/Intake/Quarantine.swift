// Events of VSee's form, under the right secret, from sources that are not let in: VSee does not document that it
// sends again, so they are kept until somebody has found out whose address it is. They are refused all the same.
import Admission
package import Ledger
import Logging
import Staging
import Synchronization

/// What quarantine holds now. Known without looking, because a stranger decides how often it is asked.
struct HeldCount: Sendable {
    var events = 0
    var bytes: Int64 = 0
    /// The drop that holds a body, by the body's digest: an event that is sent again takes no more room.
    var drops: [String: String] = [:]

    init(_ staging: StagingArea) throws {
        for receipt in try staging.quarantinedEvents() { add(receipt) }
    }

    mutating func add(_ receipt: Receipt) {
        events += 1
        bytes += receipt.bytes
        if let sha256 = receipt.sha256 { drops[sha256] = receipt.drop }
    }
}

extension Intake {
    private static let hint = "VSee's address may have changed"

    /// Records a refused event of VSee's form, and holds its body if there is room. `attempt`: the refusal.
    package func hold(_ event: WebhookEvent, attempt: Attempt) async {
        var attempt = attempt
        attempt.detail["vsee_shaped"] = true
        let registration = WebhookRegistration(event, at: clock())
        let facts = registration.facts
        guard let source = attempt.source, checkSpace() == nil,
            reserve(bytes: facts.bytes, sha256: facts.sha256 ?? "", drop: facts.id)
        else {
            attempt.drop = heldFacts(facts)
            if let earlier = held.withLock({ $0.drops[facts.sha256 ?? ""] }) {
                attempt.detail["held_as"] = .string(earlier)
            } else {
                attempt.detail["message"] = .string("\(Self.hint); not held: there is no room in quarantine")
            }
            return note(attempt)
        }
        attempt.drop = facts
        attempt.drop?.name = QuarantinedEvent.file(facts.id)
        attempt.detail["held"] = true
        attempt.detail["message"] = .string(
            "\(Self.hint): confirm it with VSee, list \(source.ip), then dropgate drops release \(facts.id)")
        do {
            try staging.quarantine(facts.id, body: event.body)
            let seq = try await record(attempt)
            try staging.confirm(receipt(event, attempt, facts, seq: seq))
            logger.warning(
                "\(Self.hint): an event with the right secret came from \(source.ip), which is not listed; it is held as drop \(facts.id)"
            )
        } catch {
            logger.error("an event of VSee's form from \(source.ip) could not be held: \(error)")
            try? staging.removeQuarantined(facts.id)
            try? countHeld()
        }
    }

    /// Puts an event from quarantine where it would have been, if its source is let in now. Throws `.badPath` when
    /// there is no such event, and the reason of the policy when the source is still refused.
    package func releaseHeld(_ drop: String) async throws(IntakeError) -> DropOutcome {
        guard let event = found(drop) else {
            throw IntakeError(
                .badPath,
                "no event \(OutsideText.head(drop)) in quarantine; `dropgate drops list --held` shows all")
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
        attempt.detail["released_from"] = "quarantine"
        attempt.detail["held_entry"] = receipt.seq.map(JSONValue.int)
        attempt.detail["held_since"] = .string(receipt.received)
        let outcome = try await receive(
            WebhookEvent(
                path: receipt.path ?? "", body: event.body, eventID: receipt.eventID,
                eventType: receipt.eventType, envelope: receipt.envelope ?? "unrecognised",
                contentType: receipt.contentType),
            attempt: attempt, id: drop)
        do {
            try staging.removeQuarantined(drop)
            try countHeld()
        } catch {
            // It is in the ledger; releasing it again would find it a duplicate.
            logger.error("drop \(drop) was released and stays in quarantine too: \(error)")
        }
        return outcome
    }

    /// Counts anew what quarantine holds.
    func countHeld() throws {
        let count = try HeldCount(staging)
        held.withLock { $0 = count }
    }

    private func found(_ drop: String) -> QuarantinedEvent? {
        do {
            return try staging.quarantinedEvent(drop, limit: 256 << 20)
        } catch {
            logger.error("quarantine: \(error)")
            return nil
        }
    }

    /// Takes the room for one event; false when there is none, or the body is held already.
    private func reserve(bytes: Int64, sha256: String, drop: String) -> Bool {
        held.withLock { held in
            guard held.drops[sha256] == nil, held.events < configuration.mostHeldEvents,
                held.bytes + bytes <= configuration.mostHeldBytes
            else { return false }
            held.events += 1
            held.bytes += bytes
            held.drops[sha256] = drop
            return true
        }
    }

    /// Of an event that is not kept: it has no drop of its own.
    private func heldFacts(_ facts: DropFacts) -> DropFacts? {
        guard let earlier = held.withLock({ $0.drops[facts.sha256 ?? ""] }) else { return nil }
        var facts = facts
        facts.id = earlier
        facts.name = QuarantinedEvent.file(earlier)
        return facts
    }

    private func receipt(_ event: WebhookEvent, _ attempt: Attempt, _ facts: DropFacts, seq: Int64) -> Receipt
    {
        let name = QuarantinedEvent.file(facts.id)
        var receipt = Receipt(
            drop: facts.id, channel: Channel.webhook.rawValue, name: event.eventType ?? "event", file: name,
            bytes: facts.bytes, received: clock().description)
        receipt.seq = seq
        receipt.source = attempt.source?.ip.description
        receipt.credential = attempt.credential
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
