// Withdrawn drops go to quarantine, and the ledger is told when they are there. What fails of that is tried again at each sweep of
// staging, and at the next start; they are withdrawn all the same.
import Admission
import Blocking
import JSON
import Ledger
import Logging
import Staging
import Synchronization

extension Intake {
    /// Moves a drop there that was just withdrawn.
    /// - Parameters:
    ///   - incoming: where its bytes lie.
    ///   - account: under whose name they are to lie there.
    ///   - reason: in its receipt there.
    func putAway(
        _ record: DropRecord, incoming: String, of account: String, _ receipt: Receipt,
        reason: Reason = .withdrawn
    ) async {
        await uploads.runToEnd {
            guard self.moveAway(record, incoming: incoming, of: account, receipt, reason) else { return }
            self.writer.submit(.quarantined(id: record.id)) { result in
                guard case .failure(let error) = result else { return }
                self.quarantineNotRecorded(record.id, reason, error)
            }
        }
    }

    /// What was done before is not done twice.
    /// - Returns: whether the ledger is to be told that it is there.
    func moveAway(
        _ record: DropRecord, incoming: String, of account: String, _ receipt: Receipt, _ reason: Reason
    ) -> Bool {
        var receipt = receipt
        receipt.reason = reason.rawValue
        receipt.released = nil
        do {
            try staging.quarantine(incoming: incoming, of: account, receipt: receipt)
            return true
        } catch {
            isNotAway(
                record.id, reason,
                "drop \(record.id) was withdrawn and could not be moved to quarantine: \(error)")
            return false
        }
    }

    private func quarantineNotRecorded(_ drop: String, _ reason: Reason, _ error: any Error) {
        isNotAway(
            drop, reason,
            "drop \(drop) was withdrawn, and the ledger could not be told that it is in quarantine: \(error)")
    }

    /// It is tried again.
    private func isNotAway(_ drop: String, _ reason: Reason, _ message: String) {
        notAway.withLock { $0[drop] = reason }
        health.set(problem: "withdrawal", of: drop, message: message)
        logger.error("\(message)")
    }

    /// It is not tried any more.
    private func isAway(_ drop: String) {
        notAway.withLock { _ = $0.removeValue(forKey: drop) }
        health.clear(problem: "withdrawal", of: drop)
    }

    // MARK: Again

    /// Puts away what could not be put away when it was withdrawn, the oldest first. A drop that somebody is at has its turn in the next
    /// round, and one that fails keeps no other from its own. Throws the first failure of which nobody is told otherwise.
    func putAwayWithdrawn() async throws {
        var failure = FirstFailure()
        for (id, reason) in notAway.withLock(\.self).sorted(by: { $0.key < $1.key }) {
            guard takeInHand(id) else { continue }
            defer { letGo(id) }
            do {
                if let box = try boxOfPulled(id) {
                    // Whoever withdraws it may be moving it this moment.
                    try await box.lock.with(.exclusive) { try await putAwayAgain(id, reason) }
                } else {
                    try await putAwayAgain(id, reason)
                }
            } catch {
                failure.note(error)
            }
        }
        try failure.rethrow()
    }

    /// The drop is in hand, and its box locked if there is one.
    private func putAwayAgain(_ id: String, _ reason: Reason) async throws {
        guard let record = try store.drop(id: id), record.state == .withdrawn, let incoming = record.incoming
        else { return isAway(id) }
        guard let entry = try store.entry(seq: record.seq) else {
            logger.error(
                "drop \(id) was withdrawn and stays in \(incoming): its entry's time is over, and nothing else tells what it was"
            )
            return isAway(id)
        }
        let receipt = try Receipt(AcceptedEntry(entry), drop: record)
        let account = StagingLayout.quarantineAccount(receipt.account)
        let isMoved = await uploads.runToEnd {
            self.moveAway(record, incoming: incoming, of: account, receipt, reason)
        }
        guard isMoved else { return }
        do {
            try await writer.commit(.quarantined(id: id))
            isAway(id)
        } catch {
            quarantineNotRecorded(id, reason, error)
        }
    }

    /// The reason in the receipt of a drop that a gate before this one has withdrawn, by the entry that tells of it: as a rule one of
    /// the last, and another one is looked for long. A start does not fail for the sake of a word.
    func reason(ofWithdrawn record: DropRecord, _ receipt: Receipt) -> Reason {
        // What has another name was taken back by somebody: it does not expire (`expire`).
        guard let account = receipt.account, configuration.temporaryNames.match(name(record, account)) else {
            return .withdrawn
        }
        var query = LedgerQuery()
        query.drops = [record.id]
        query.reasons = [.incomplete, .withdrawn]
        query.above = record.seq
        query.order = .newestFirst
        query.limit = 1
        let entry = try? configuration.ledger.reader().entries(query).first?.value()
        return entry?["reason"]?.string == Reason.incomplete.rawValue ? .incomplete : .withdrawn
    }
}
