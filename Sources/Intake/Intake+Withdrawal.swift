// What a person takes back before a consumer has it: an upload that settles or lies in `ready/` goes to quarantine, and an event that
// is held in quarantine is removed for good. An entry says so first.
import Admission
import Blocking
import JSON
package import Ledger
import Logging
import Staging
import Synchronization

/// What became of a drop that was withdrawn.
package enum WithdrawnDrop: String, Codable, Sendable, Hashable {
    /// It was held in quarantine, and is gone.
    case removed
    /// It was an upload, and is kept in quarantine as long as the settings say.
    case quarantined
}

extension Intake {
    /// nil: a consumer has it, or it waits for nobody any more. Throws `IntakeError` for an event that was accepted, and for what failed.
    /// - Parameter attempt: who withdraws it; what it was is filled in here.
    package func withdraw(_ drop: String, as attempt: Attempt) async throws(IntakeError) -> WithdrawnDrop? {
        var attempt = attempt
        attempt.reason = .withdrawn
        if try await withdrawHeld(drop, attempt) { return .removed }
        guard let record = try self.drop(id: drop) else { return nil }
        let isWithdrawn: Bool
        if record.state == .pending, isPulled(record) {
            isWithdrawn = try await withdraw(freed: drop, attempt)
        } else if record.isHeld {
            isWithdrawn = try await withdraw(pulled: drop, as: attempt)
        } else {
            isWithdrawn = try await withdraw(record, attempt)
        }
        return isWithdrawn ? .quarantined : nil
    }

    /// Withdraws a drop of another gate that is to be released, or is released: its file may lie in `ready/` already, and the ledger does
    /// not say so yet. It is in hand all the while, so that nobody tries its release again meanwhile.
    private func withdraw(freed drop: String, _ attempt: Attempt) async throws(IntakeError) -> Bool {
        guard takeInHand(drop) else { throw Self.decidedElsewhere(drop) }
        defer { letGo(drop) }
        let marking = await stager.waitForMark()
        guard let marked = try self.drop(id: drop) else { return false }
        if isUnreleasedEvent(marked) {
            return try await withdraw(unreleased: marked, attempt)
        } else if marking == .failed, marked.state == .pending {
            throw Self.releaseNotRecorded(drop)
        } else {
            return try await withdraw(marked, attempt)
        }
    }

    /// Whether an event of another gate is to be released and was not: as long as what was fetched lies there, nobody else has it.
    private func isUnreleasedEvent(_ record: DropRecord) -> Bool {
        guard record.state == .pending, isPulled(record),
            StagingLayout.account(ofReady: record.readyPath) == nil
        else { return false }
        return (try? staging.pulls.status(StagingLayout.pulledName(record.id)))?.isRegular == true
    }

    static func decidedElsewhere(_ drop: String) -> IntakeError {
        IntakeError(
            .forbiddenOperation, "somebody else is deciding on \(drop) at this moment; check its state again",
            retryAfter: 5)
    }

    /// Withdraws an upload that was accepted; false: a consumer has it, or it waits for nobody any more.
    private func withdraw(_ record: DropRecord, _ attempt: Attempt) async throws(IntakeError) -> Bool {
        let drop = record.id
        guard let account = StagingLayout.account(ofReady: record.readyPath) else {
            guard [.pending, .released].contains(record.state) else { return false }
            throw IntakeError(
                .forbiddenOperation,
                "drop \(drop) is an event, which its consumers may have as soon as it is accepted: tell them, and "
                    + "acknowledge it (`dropgate drops ack \(drop)`)")
        }
        do throws(SenderError) {
            let box = try await box(for: account)
            return try await box.lock.with(.exclusive) { () async throws(SenderError) -> Bool in
                try await self.withdrawUpload(drop, attempt, box)
            }
        } catch {
            // What has no reason of its own is a failure of staging, or waits for a mark in the ledger. Whoever withdraws a drop gives
            // no path, so a bad one is a failure of staging, too.
            let mayPass =
                error.kind == .failed
                && error.reason.map { [Reason.ledgerFailed, .stagingFull, .badPath].contains($0) } ?? true
            throw IntakeError(
                error.reason ?? (mayPass ? .ledgerFailed : .forbiddenOperation), error.message,
                retryAfter: mayPass ? 30 : nil)
        }
    }

    private func box(for account: String) async throws(SenderError) -> SenderBox {
        do { return try await uploads.runToEnd { try self.box(of: account) } } catch {
            logger.error("the uploads of \(account) cannot be looked at: \(error)")
            throw .broken
        }
    }

    /// The box is locked for this caller alone.
    private func withdrawUpload(
        _ drop: String, _ attempt: Attempt, _ box: SenderBox
    ) async throws(SenderError) -> Bool {
        let (found, item) = box.state.withLock { ($0.tree.path(of: drop), $0.tree.item(drop)) }
        guard let path = found, let item else { return false }
        switch item.standing {
        case .writing, .partial: return false
        case .settling:
            guard let settling = box.state.withLock({ $0.settling[drop] }) else { return false }
            return try await withdraw(settling, path, attempt, box, claimed: nil)
        case .waiting(let readyPath):
            guard let claimed = try await claim(item, readyPath, path, box, bySender: false) else {
                return false
            }
            return try await withdraw(claimed, path, attempt, box, claimed: readyPath)
        }
    }

    /// Removes an event that is held; false: none is.
    private func withdrawHeld(_ drop: String, _ attempt: Attempt) async throws(IntakeError) -> Bool {
        try beginDeciding(drop)
        defer { endDeciding(drop) }
        guard try self.drop(id: drop) == nil else {
            // What is a drop was released, if it was ever held: whatever a failure has left of it goes, readable or not.
            remove(held: drop)
            return false
        }
        guard let receipt = try read(drop, { try staging.quarantinedReceipt(drop) }) else { return false }
        var attempt = attempt
        attempt.drop = DropFacts(id: drop, name: receipt.file, bytes: receipt.bytes, sha256: receipt.sha256)
        attempt.detail["was"] = "held"
        attempt.detail["held_entry"] = receipt.seq.map(JSONValue.int)
        do { _ = try await self.record(attempt) } catch {
            throw IntakeError(
                .ledgerFailed, "the ledger cannot be written, nothing was withdrawn", retryAfter: 30)
        }
        guard remove(held: drop) else { throw notRemoved(drop) }
        return true
    }

    /// Of a held event that is withdrawn in the ledger and of which something could not be removed. Its place is named relative to the
    /// staging directory: other machines hear of it, too.
    private func notRemoved(_ drop: String) -> IntakeError {
        let isDismissed = (try? staging.dismissedEvents().contains(drop)) == true
        let name = isDismissed ? StagingLayout.dismissed(drop) : drop
        return IntakeError(
            .forbiddenOperation,
            "drop \(drop) is withdrawn, and the entry that says so stands, but its bytes could not be removed from "
                + "\(StagingLayout.quarantine)/\(StagingLayout.webhook)/\(name) in staging, and the log says why; "
                + (isDismissed
                    ? "it is not held any more: the gate tries again by itself, or remove that directory by hand"
                    : "it is still held: fix that and withdraw it again, or remove that directory by hand"),
            isHalfDone: true)
    }
}
