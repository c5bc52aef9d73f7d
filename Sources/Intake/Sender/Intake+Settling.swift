// Releases accepted uploads that have settled. A sender that goes on renaming has a little more time.
import Admission
import Blocking
import JSON
import Ledger
import Logging
import Staging
import Synchronization

extension Intake {
    /// However often a sender renames: so long after it was accepted a drop is released.
    static let longestSettling = Duration.seconds(60)

    /// These drops are due.
    func settle(_ drops: [String], of account: String) async {
        do {
            let box = try box(of: account)
            try await box.lock.with(.shared) {
                try await writeFiles(of: drops, in: box)
                for drop in drops { await release(drop, in: box) }
            }
            health.clear(problem: "settling")
        } catch {
            health.set(
                problem: "settling",
                message: "what account \(account) has sent cannot be released now: \(error)")
            logger.error(
                "what account \(account) has sent cannot be released now, it is tried again: \(error)")
            for drop in drops { settler.schedule(drop, of: account, at: now + Settler.retry) }
        }
    }

    /// Releases a drop, unless it has more time by now. The box is locked.
    /// - Parameter isDue: its time is over, whatever else its sender renames.
    func release(_ drop: String, in box: SenderBox, isDue: Bool = false) async {
        guard let settling = box.state.withLock({ $0.settling[drop] }) else { return }
        let now = now
        let isTemporary = configuration.temporaryNames.match(name(settling.record, box.account))
        if !isDue, var due = due(settling.record, in: box), due > now {
            if due - now > mostTime(isTemporary) {
                // The clock was set back.
                due = now + (isTemporary ? configuration.retention.resumeFor : configuration.settle)
                box.state.withLock { $0.settling[drop]?.record.due = due }
            }
            return settler.schedule(drop, of: box.account, at: due)
        }
        if isTemporary {
            return await expire(settling, in: box)
        }
        switch await complete(settling, in: box) {
        case .released(let readyPath):
            let settled = box.state.withLock { state in
                state.tree.update(drop) { $0.standing = .waiting(readyPath: readyPath) }
                return state.settling.removeValue(forKey: drop)
            }
            // Its sender gave it a time while it was being released.
            if let settled, settled.receipt.modified != settling.receipt.modified {
                await dateReceipt(of: drop, box)
            }
            // Marked once: a second mark could come after its sender has taken it back.
            if settled != nil { stager.finish(upload: drop, readyPath: readyPath) }
            // Its bytes are gone from there; what tells of them may go.
            try? box.files.removeSidecars(drop)
        case .gone:
            let attempt = lost(settling.record, settling.receipt)
            do {
                _ = try await make(DropChange(id: drop, from: .pending, kind: .lost), attempt)
            } catch {
                _ = failed(settling.record, error)
                return settler.schedule(drop, of: box.account, at: now + Settler.retry)
            }
            counters.add(attempt)
            health.clear(problem: "release", of: drop)
            box.state.withLock { state in
                state.settling[drop] = nil
                state.tree.remove(drop)
            }
        case .failed:
            box.state.withLock { $0.settling[drop]?.isWritten = false }
            settler.schedule(drop, of: box.account, at: now + Settler.retry)
        }
    }

    private func complete(_ settling: SenderBox.Settling, in box: SenderBox) async -> ReleaseOutcome {
        do {
            try await writeFiles(of: [settling.record.id], in: box)
        } catch {
            return failed(settling.record, error)
        }
        return await uploads.runToEnd { self.complete(settling.record, receipt: settling.receipt) }
    }

    /// No drop has more time than this before it is released, or expires under a temporary name.
    func mostTime(_ isTemporary: Bool) -> Duration {
        isTemporary ? configuration.retention.resumeFor : max(configuration.settle, Self.longestSettling)
    }

    /// A drop was renamed to a temporary name and to no other one in time.
    private func expire(_ settling: SenderBox.Settling, in box: SenderBox) async {
        let record = settling.record
        let incoming = record.incoming ?? ""
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .rejected, reason: .incomplete)
        attempt.account = box.account
        attempt.drop = DropFacts(
            id: record.id, name: settling.receipt.name, bytes: settling.receipt.bytes,
            sha256: settling.receipt.sha256)
        attempt.detail["quarantined"] =
            .string("not renamed from a temporary name within \(configuration.retention.resumeFor)")
        attempt.detail["accepted_by"] = .int(record.seq)
        do {
            try await writeFiles(of: [record.id], in: box)
            let change = DropChange(id: record.id, from: .pending, kind: .withdrawn(incoming: incoming))
            guard try await make(change, attempt) else { return }
        } catch {
            _ = failed(record, error)
            return settler.schedule(record.id, of: box.account, at: now + Settler.retry)
        }
        staging.ready.cancelReservation(record.readyPath)
        health.clear(problem: "release", of: record.id)
        box.state.withLock { state in
            state.settling[record.id] = nil
            state.tree.remove(record.id)
        }
        await putAway(
            record, incoming: incoming, of: box.account, settling.receipt, reason: .incomplete)
        try? box.files.removeSidecars(record.id)
    }

    /// When a drop is to be released. While its sender goes on renaming, whatever it is, all that settles in its box has
    /// a little more time: so nothing is released under a temporary name while its sender is on the way to it.
    private func due(_ record: DropRecord, in box: SenderBox) -> Instant? {
        guard let due = record.due, let renamed = box.state.withLock(\.renamed), renamed <= now else {
            return record.due
        }
        return max(due, min(record.received + Self.longestSettling, renamed + configuration.settle))
    }

    /// The entry of a drop whose bytes are gone, which should not be possible.
    func lost(_ record: DropRecord, _ receipt: Receipt) -> Attempt {
        // Events are lost here, too, that were pulled.
        var attempt = Attempt(
            kind: .transfer, channel: Channel(rawValue: receipt.channel) ?? .sftp, verdict: .rejected,
            reason: .incomplete)
        attempt.account = receipt.account
        attempt.drop = DropFacts(
            id: record.id, name: receipt.name, bytes: receipt.bytes, sha256: receipt.sha256)
        attempt.detail["lost"] = true
        attempt.detail["accepted_by"] = .int(record.seq)
        attempt.detail["message"] =
            "the bytes of this accepted drop are not where they were put; neither a consumer nor the gate has moved them"
        return attempt
    }
}
