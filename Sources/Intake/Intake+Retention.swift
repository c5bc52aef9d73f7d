// Takes away what nobody waits for: interrupted uploads to quarantine, then, when their time is over, old
// quarantine, acknowledged files and receipts of consumed drops. A file in `ready/` that nobody acknowledged
// is never removed.
import Admission
import JSON
import Ledger
import Staging
import Synchronization

extension Intake {
    /// One round over staging. What fails keeps nothing else from its turn; throws the first of it at the end, and the next round tries
    /// it again.
    /// - Parameter removesOld: whether the clock is believed when it says that the time of something is over.
    package func sweepStaging(removesOld: Bool = true) async throws {
        try await StagingSweep(intake: self, removesOld: removesOld).run()
    }
}

private struct StagingSweep {
    let intake: Intake
    let removesOld: Bool

    func run() async throws {
        var failure = FirstFailure()
        await failure.attempt { try await quarantineInterruptedUploads() }
        await failure.attempt { try await TakenSweep(intake: intake).run() }
        await failure.attempt { try intake.lookForForgottenPulls() }
        await failure.attempt { try staging.ready.removeEmptyBatches() }
        if removesOld {
            await failure.attempt { try await removeAcknowledged() }
            await failure.attempt { try await removeOldReceipts() }
        }
        await failure.attempt { try removeOldEvents() }
        await failure.attempt { try removeOldUploads() }
        await failure.attempt { try await intake.putAwayWithdrawn() }
        try failure.rethrow()
    }

    private var retention: RetentionPeriods { intake.configuration.retention }
    private var staging: StagingArea { intake.staging }

    // MARK: Interrupted uploads

    private func quarantineInterruptedUploads() async throws {
        var failure = FirstFailure()
        for account in try staging.accounts()
        where try staging.uploads.status(account)?.isDirectory == true {
            await failure.attempt { try await quarantineInterruptedUploads(of: account) }
        }
        intake.boxes.forget(unusedFor: Self.idle)
        try failure.rethrow()
    }

    private func quarantineInterruptedUploads(of account: String) async throws {
        let partials = try PartialStore(incoming: staging.uploads(of: account).path)
        guard try !partials.parts.names().isEmpty else { return }
        let box = try intake.box(of: account)
        // Nobody renames, removes or opens one of them meanwhile.
        try await box.lock.with(.exclusive) { try await sweep(box) }
    }

    /// How long the names of an account that nobody uses stay in memory.
    private static let idle = Duration.seconds(600)

    private func sweep(_ box: SenderBox) async throws {
        box.state.withLock { intake.lookAnew(in: &$0, box) }
        let partials = try box.files.summaries()
        box.state.withLock { state in
            let drops = Set(partials.map(\.drop))
            state.ahead = state.ahead.filter { drops.contains($0.key) }
        }
        for partial in partials where !partial.isLive {
            guard let why = try reason(for: partial, in: box) else { continue }
            let isTaken = box.state.withLock { state in
                // A session was given it and has not locked it yet. One of an earlier run would have it locked.
                if case .writing(let session)? = state.tree.item(partial.drop)?.standing, session != 0 {
                    return false
                }
                state.tree.remove(partial.drop)
                return true
            }
            if isTaken { try await quarantine(partial, of: box.account, in: box.files, because: why) }
        }
        let written = box.state.withLock { state in
            Set(state.tree.drops.filter { state.tree.item($0)?.isWritten == true })
        }
        try box.files.removeOrphans(but: written)
    }

    /// Why a partial goes to quarantine now; nil while it may still be resumed or released.
    private func reason(for partial: PartialStore.Summary, in box: SenderBox) throws -> String? {
        // What is in the ledger is released, or withdrawn, by it.
        if try intake.store.drop(id: partial.drop) != nil { return nil }
        if case .undecidable(let why) = partial.standing { return why }
        let idle = idle(partial, in: box)
        guard removesOld, idle > retention.resumeFor else { return nil }
        if case .whole = partial.standing {
            return "not renamed to a final name within \(retention.resumeFor) (sftp.resume_for)"
        }
        return "not resumed within \(retention.resumeFor) (sftp.resume_for)"
    }

    /// How long nobody has written it. A last write that is still to come tells nothing of that: the clock was ahead then, or is behind
    /// now, and it may be years until it gets there. As long as that is so it counts from when this gate saw it first.
    private func idle(_ partial: PartialStore.Summary, in box: SenderBox) -> Duration {
        let now = intake.now
        let (lastWrite, isTooLarge) = partial.lastWrite.multipliedReportingOverflow(by: 1_000_000)
        return box.state.withLock { state in
            guard isTooLarge || lastWrite > now.microseconds else {
                state.ahead[partial.drop] = nil
                return now - Instant(microseconds: lastWrite)
            }
            var seen = now
            if let before = state.ahead[partial.drop], before.lastWrite == partial.lastWrite {
                // The clock may have been set back once more.
                seen = min(before.seen, now)
            }
            state.ahead[partial.drop] = (partial.lastWrite, seen)
            return now - seen
        }
    }

    private func quarantine(
        _ partial: PartialStore.Summary, of account: String, in partials: PartialStore, because why: String
    ) async throws {
        guard let file = try partials.locked(partial.drop) else { return }
        defer { withExtendedLifetime(file) {} }
        var receipt = Receipt(
            drop: partial.drop, channel: Channel.sftp.rawValue, name: partial.path ?? "",
            file: StagingLayout.quarantinedFile(partial.drop, of: account, sent: partial.path ?? ""),
            bytes: partial.bytes,
            received: (partial.started ?? intake.now).description)
        receipt.account = account
        receipt.reason = Reason.incomplete.rawValue
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .rejected, reason: .incomplete)
        attempt.account = account
        attempt.drop = DropFacts(id: partial.drop, name: receipt.file, bytes: partial.bytes, sha256: nil)
        attempt.detail = ["quarantined": .string(why), "name_as_sent": .string(partial.path ?? "")]
        // The entry comes first: after a crash it is done again, and nothing lies in quarantine without an entry.
        receipt.seq = try await intake.record(attempt)
        try staging.quarantine(
            incoming: StagingLayout.acceptedFile(partial.drop, of: account), of: account, receipt: receipt)
        try partials.removeSidecars(partial.drop)
    }

    private static let receiptName = StagingLayout.quarantineReceipt

    // MARK: What is done with

    private func removeAcknowledged() async throws {
        guard let age = retention.acknowledged else { return }
        try await forEachDrop(.acknowledged, olderThan: age) { drop in
            // A line of a batch is acknowledged by itself; the batch is its consumer's to remove.
            if !StagingLayout.holdsLines(drop.readyPath) { try await removeFile(of: drop) }
            return true
        }
    }

    private func removeFile(of drop: DropRecord) async throws {
        guard let account = Self.account(of: drop) else { return try removeIfStill(drop) }
        let box = try intake.box(of: account)
        // Nothing else gets its name between the look and the removal.
        try await box.lock.with(.exclusive) { try removeIfStill(drop) }
    }

    /// The account that uploaded a drop; nil for a webhook's.
    private static func account(of drop: DropRecord) -> String? {
        drop.incoming.flatMap(StagingLayout.account(ofIncoming:))
    }

    private func removeIfStill(_ drop: DropRecord) throws {
        if try intake.isStill(drop) { try staging.ready.removeReleased(drop.readyPath) }
    }

    private func removeOldReceipts() async throws {
        guard let age = retention.receipts else { return }
        // One that was put back has its turn in `TakenSweep`.
        try await forEachDrop(.taken, olderThan: age) { drop in
            try !staging.ready.stillHolds(drop.readyPath) || !intake.isStill(drop)
        }
    }

    /// Removes the receipts of drops for which `isDone` says so. One for which that cannot be told keeps no other; throws the first
    /// such error at the end.
    private func forEachDrop(
        _ end: DropEnd, olderThan age: Duration, isDone: (DropRecord) async throws -> Bool
    ) async throws {
        var after: DropRecord?
        var failure = FirstFailure()
        while case let drops = try intake.store.drops(
            end, before: intake.now - age, after: after, limit: 256), let last = drops.last
        {
            after = last
            var done: [DropRecord] = []
            for drop in drops {
                do { if try await isDone(drop) { done.append(drop) } } catch { failure.note(error) }
            }
            // Before the ledger says that they are forgotten: what a crash leaves is found again by that.
            for drop in done { try staging.ready.removeReceipt(drop.id) }
            let ids = Set(done.map(\.id))
            for batch in Set(done.compactMap { BatchName(ofReady: $0.readyPath) })
            where try isForgotten(batch, but: ids) { try staging.ready.removeReceipts(of: batch) }
            for drop in done { try await intake.writer.commit(.forgotten(id: drop.id)) }
        }
        try failure.rethrow()
    }

    /// Whether nobody but these drops needs a receipt of a batch any more. One whose receipts are damaged stays: it must not keep
    /// the round from its end.
    private func isForgotten(_ batch: BatchName, but done: Set<String>) throws -> Bool {
        do {
            guard let receipts = try staging.ready.receipts(of: batch) else { return false }
            return try receipts.keys.allSatisfy {
                try done.contains($0) || intake.store.drop(id: $0)?.state == .forgotten
            }
        } catch is StagingError {
            return false
        }
    }

    private func removeOldUploads() throws {
        guard removesOld, let age = retention.quarantined,
            let accounts = try staging.quarantine.existing(StagingLayout.sftp)
        else { return }
        var failure = FirstFailure()
        for account in try accounts.names() {
            do {
                let drops = try accounts.subdirectory(account)
                try forEachOld(in: drops, keptFor: age) { name in
                    let drop = try drops.subdirectory(name)
                    for file in try drop.names() { try drop.remove(file) }
                    try drops.removeDirectory(name)
                }
            } catch {
                failure.note(error)
            }
        }
        try failure.rethrow()
    }

    private func removeOldEvents() throws {
        for drop in try staging.dismissedEvents() { intake.remove(held: drop) }
        guard removesOld, let age = retention.quarantined else { return }
        let limit = intake.now - age
        for event in try staging.quarantinedEvents() {
            guard let received = Instant(rfc3339: event.received), received < limit else { continue }
            intake.remove(held: event.drop)
        }
        // What has no receipt that can be read.
        if let events = try staging.quarantine.existing(StagingLayout.webhook) {
            try forEachOld(in: events, keptFor: age) { _ = intake.remove(held: $0) }
        }
    }

    /// Each drop has a directory; its receipt, written last, tells its age. One that fails keeps no other from its turn; throws the first
    /// failure at the end.
    private func forEachOld(
        in drops: Directory, keptFor age: Duration, _ body: (_ name: String) throws -> Void
    ) throws {
        let limit = (intake.now - age).microseconds / 1_000_000
        var failure = FirstFailure()
        for name in try drops.names() {
            do {
                // Without a receipt a crash has come between.
                let written = try drops.subdirectory(name).status(Self.receiptName) ?? drops.status(name)
                if let written, written.modified < limit { try body(name) }
            } catch {
                failure.note(error)
            }
        }
        try failure.rethrow()
    }
}
