// What becomes of drops that were taken over from another gate: each is held until that gate has let go of it, then it is released, and
// released again where that failed, since no sender of this gate has a box in which it would settle. One of which the other gate has
// let go for somebody else goes to quarantine.
import Admission
import Blocking
import JSON
package import Ledger
import Logging
import Staging
import Synchronization

extension Intake {
    /// Whether a drop was taken over from another gate, and may be released.
    func isPulled(_ record: DropRecord) -> Bool {
        // One that its account's sender here has renamed since settles like any other upload.
        record.incoming == StagingLayout.pulledFile(record.id) && record.due == nil
    }

    // MARK: Held

    /// Ids of drops that are held until a gate has let go of them for an account, oldest first. What another account has fetched from
    /// it is left to that: the gate tells each account of its own acknowledgements alone.
    /// - Parameters:
    ///   - hostKey: that of the other gate.
    ///   - origin: the gate with the account, as they were called when the drops were fetched. Its key may have changed since, or its
    ///     address.
    package func heldPulls(hostKey: String, origin: String, limit: Int) throws(IntakeError) -> [String] {
        var found: [String] = []
        do {
            try forEachHeld { record, entry in
                let from = entry.detail["pulled_from"]?.string ?? ""
                let isOfKey = entry.detail["pulled_host_key"]?.string == hostKey
                guard from == origin || isOfKey && Self.account(of: from) == Self.account(of: origin)
                else { return true }
                found.append(record.id)
                return found.count < limit
            }
        } catch {
            throw IntakeError.unreadable(error)
        }
        return found
    }

    /// `vsee` of `sftp://vsee@gate:2222`; nil where it names none.
    private static func account(of origin: String) -> Substring? {
        let place = origin.trimmingPrefix("sftp://").prefix { $0 != "/" }
        return place.lastIndex(of: "@").map { place[..<$0] }
    }

    /// - Parameter body: whether it wants to see the next one.
    private func forEachHeld(_ body: (DropRecord, AcceptedEntry) throws -> Bool) throws {
        var after: Int64 = -1
        while case let pending = try store.pendingUploads(after: after, limit: 256), let last = pending.last {
            after = last.record.seq
            for drop in pending where drop.record.isHeld {
                guard try body(drop.record, AcceptedEntry(drop.entry)) else { return }
            }
        }
    }

    /// How long a drop may be held before somebody is told: rounds of `dropgate pull` are minutes apart.
    private static let longestHold = Duration.seconds(900)

    /// Tells of drops that are held and for which no pull comes back.
    func lookForForgottenPulls() throws {
        var count = 0
        var oldest: String?
        try forEachHeld { record, entry in
            guard let time = Instant(rfc3339: entry.time), now - time > Self.longestHold else { return true }
            count += 1
            let origin = entry.detail["pulled_from"]?.string ?? "another gate"
            oldest = oldest ?? "\(record.id), was fetched from \(UntrustedText.head(origin)) at \(entry.time)"
            return true
        }
        guard let oldest else {
            health.clear(problem: "pull")
            return
        }
        let drops = Counted.text(count, "fetched drop is", "fetched drops are")
        health.set(
            problem: "pull",
            message:
                "\(drops) held, because it is not known whether the other gate has let go of them; the oldest, "
                + oldest)
    }

    /// A held drop with the receipt that it will have; nil: none of this id is held.
    private func heldPull(_ id: String) throws(IntakeError) -> (record: DropRecord, receipt: Receipt)? {
        do {
            guard let record = try store.drop(id: id), record.isHeld, let drop = try accepted(record) else {
                return nil
            }
            return (record, try Receipt(AcceptedEntry(drop.entry), drop: record))
        } catch {
            throw IntakeError.unreadable(error)
        }
    }

    /// A pending upload with its entry. Throws where that cannot be read now.
    func accepted(_ record: DropRecord) throws -> PendingDrop? {
        guard record.state == .pending, let entry = try store.entry(seq: record.seq) else { return nil }
        return PendingDrop(record: record, entry: entry, body: nil)
    }

    /// The other gate has let go of a held drop: it is released. How it stands then; `.held` where what was fetched is not whole any
    /// more.
    /// - Parameter attempt: the entry of a person's decision, which is made, or refused by an error; nil: the other gate's ledger tells
    /// of it.
    package func release(
        pulled id: String, as attempt: Attempt? = nil
    ) async throws(IntakeError) -> DropStanding {
        guard takeInHand(id) else {
            guard attempt == nil else { throw Self.decidedElsewhere(id) }
            return .pending
        }
        defer { letGo(id) }
        guard let pull = try heldPull(id) else {
            // Whether its bytes are in quarantine already or not.
            if (try? store.drop(id: id))?.state == .withdrawn { return .withdrawn }
            return try knownStanding(ofDrop: id)
        }
        let (record, receipt) = (pull.record, pull.receipt)
        // A later fetch of it may have begun anew, and have been cut off. Before its box is locked: this may take long.
        let damage = await imports.runToEnd { self.damage(ofHeld: receipt) }
        if let damage { return try holdOn(id, damage, isDecision: attempt != nil) }
        let (box, obstacle) = try openBox(ofPulled: id)
        if let obstacle { return try boxless(id, obstacle, isDecision: attempt != nil) }
        if let box {
            // From the moment on in which it may be released, its sender here could take it back.
            return try await box.lock.with(.shared) { () async throws(IntakeError) -> DropStanding in
                try await self.releaseHeld(record, receipt, attempt, box)
            }
        } else {
            return try await releaseHeld(record, receipt, attempt, nil)
        }
    }

    /// A held drop cannot be released. A person is told by an error; it would end a pull's round, which goes on with its other drops.
    private func holdOn(
        _ id: String, _ damage: IntakeError, isDecision: Bool
    ) throws(IntakeError) -> DropStanding {
        guard !isDecision else { throw damage }
        health.set(problem: "release", of: id, message: damage.description)
        logger.error("\(damage)")
        return .held
    }

    /// As `boxOfPulled`, or what keeps it from being opened.
    private func openBox(
        ofPulled id: String
    ) throws(IntakeError) -> (box: SenderBox?, obstacle: StagingError?) {
        do {
            return (try boxOfPulled(id), nil)
        } catch let error as StagingError {
            return (nil, error)
        } catch {
            throw IntakeError.unreadable(error)
        }
    }

    /// The box of a held drop's account cannot be opened, which is no other drop's matter; the health tells of it. The next pull tries
    /// it again.
    private func boxless(
        _ id: String, _ error: StagingError, isDecision: Bool
    ) throws(IntakeError) -> DropStanding {
        guard !isDecision else {
            throw IntakeError(.stagingFull, "drop \(id) cannot be released now: \(error)", retryAfter: 30)
        }
        return .pending
    }

    /// The drop is in hand, and held.
    /// - Parameter box: that of its account, locked; nil: there is none.
    private func releaseHeld(
        _ record: DropRecord, _ receipt: Receipt, _ attempt: Attempt?, _ box: SenderBox?
    ) async throws(IntakeError) -> DropStanding {
        do {
            if let attempt { try await self.record(attempt) }
            _ = try await writer.commit(.letGo(id: record.id))
        } catch {
            throw IntakeError.unwritable(error)
        }
        var freed = record
        freed.due = nil
        let outcome = await releasePulled(freed, receipt)
        show(freed, receipt, outcome, in: box)
        return switch outcome {
        case .released: .kept
        case .gone: .lost
        case .failed: .pending
        }
    }

    /// The other gate has a held drop no more, and did not let go of it for this one: it goes to quarantine. False: it is not held.
    /// Where the other gate has it still, or again, it is taken over again: whoever withdrew it here did not acknowledge it there.
    /// - Parameter attempt: who says so, and why; what it was is filled in here.
    package func withdraw(pulled id: String, as attempt: Attempt) async throws(IntakeError) -> Bool {
        guard takeInHand(id) else { throw Self.decidedElsewhere(id) }
        defer { letGo(id) }
        guard let pull = try heldPull(id) else { return false }
        return try await withdraw(fetched: pull.record, pull.receipt, attempt, mayComeAgain: true)
    }

    /// Withdraws an event that may be released and could not be: no consumer has seen it, and it has no box in which it would settle.
    /// False: it waits no more. It is in hand.
    func withdraw(unreleased event: DropRecord, _ attempt: Attempt) async throws(IntakeError) -> Bool {
        let receipt: Receipt?
        do {
            receipt = try accepted(event).map { try Receipt(AcceptedEntry($0.entry), drop: event) }
        } catch {
            throw IntakeError.unreadable(error)
        }
        guard let receipt else { return false }
        return try await withdraw(fetched: event, receipt, attempt, mayComeAgain: false)
    }

    /// Withdraws a drop whose bytes are what was fetched. False: it waits no more. It is in hand.
    private func withdraw(
        fetched record: DropRecord, _ receipt: Receipt, _ attempt: Attempt, mayComeAgain: Bool
    ) async throws(IntakeError) -> Bool {
        let id = record.id
        let incoming = StagingLayout.pulledFile(id)
        var attempt = attempt
        attempt.reason = .withdrawn
        attempt.drop = DropFacts(id: id, name: receipt.name, bytes: receipt.bytes, sha256: receipt.sha256)
        attempt.detail["was"] = "pulled"
        attempt.detail["pulled_from"] = receipt.origin.map(JSONValue.string)
        attempt.detail["accepted_by"] = .int(record.seq)
        let isChanged: Bool
        do {
            isChanged = try await make(
                DropChange(
                    id: id, from: .pending,
                    kind: .withdrawn(incoming: incoming, mayComeAgain: mayComeAgain)), attempt)
        } catch {
            throw IntakeError.unwritable(error)
        }
        guard isChanged else { return false }
        staging.ready.cancelReservation(record.readyPath)
        endRetries(id)
        await putAway(
            record, incoming: incoming, of: StagingLayout.quarantineAccount(receipt.account), receipt)
        return true
    }

    // MARK: Release

    /// Moves a committed drop into `ready/`; what fails is tried again by itself. The drop is in hand.
    func releasePulled(_ record: DropRecord, _ receipt: Receipt) async -> ReleaseOutcome {
        let outcome: ReleaseOutcome = await uploads.runToEnd {
            let outcome = self.complete(record, receipt: receipt)
            if case .released(let readyPath) = outcome {
                self.stager.finish(upload: record.id, readyPath: readyPath)
            }
            return outcome
        }
        switch outcome {
        case .released: retries.end(record.id)
        case .gone:
            guard await recordLoss(record, receipt) else { return .failed }
        case .failed: retries.failed(record.id)
        }
        return outcome
    }

    /// False: it could not be recorded, which is tried again.
    private func recordLoss(_ record: DropRecord, _ receipt: Receipt) async -> Bool {
        let attempt = lost(record, receipt)
        do {
            if try await make(DropChange(id: record.id, from: .pending, kind: .lost), attempt) {
                counters.add(attempt)
            }
        } catch {
            _ = failed(record, error)
            retries.failed(record.id)
            return false
        }
        staging.ready.cancelReservation(record.readyPath)
        endRetries(record.id)
        return true
    }

    private func endRetries(_ drop: String) {
        retries.end(drop)
        health.clear(problem: "release", of: drop)
    }

    /// It is time for another try.
    func releaseAgain(_ drop: String) async {
        // Somebody asks about it this moment.
        guard takeInHand(drop) else { return retries.failed(drop) }
        defer { letGo(drop) }
        do {
            // Its sender here may be renaming it, or taking it back, this very moment.
            if let box = try boxOfPulled(drop) {
                try await box.lock.with(.shared) { try await releaseWaiting(drop, box) }
            } else {
                try await releaseWaiting(drop, nil)
            }
        } catch {
            logger.error("drop \(drop): whether it was released cannot be told now: \(error)")
            retries.failed(drop)
        }
    }

    /// The box of the account among whose names a drop stands; nil where nobody of this gate has one.
    func boxOfPulled(_ drop: String) throws -> SenderBox? {
        guard let record = try store.drop(id: drop),
            let account = StagingLayout.account(ofReady: record.readyPath),
            try staging.uploads.status(account)?.isDirectory == true
        else { return nil }
        return try box(of: account)
    }

    /// - Parameter box: that of its account, locked; nil: there is none.
    private func releaseWaiting(_ drop: String, _ box: SenderBox?) async throws {
        guard let record = try store.drop(id: drop), record.state == .pending, isPulled(record),
            let accepted = try accepted(record)
        else { return endRetries(drop) }
        let receipt = try Receipt(AcceptedEntry(accepted.entry), drop: record)
        let outcome = await releasePulled(record, receipt)
        if case .released = outcome { logger.notice("drop \(drop) lies in ready/ now") }
        show(record, receipt, outcome, in: box)
    }

    /// Shows its account what has become of a drop, as what its sessions sent themselves.
    /// - Parameter known: nil: there was no box, and one may have been made since.
    private func show(
        _ record: DropRecord, _ receipt: Receipt, _ outcome: ReleaseOutcome, in known: SenderBox?
    ) {
        guard let box = known ?? (try? boxOfPulled(record.id)), let path = DropPath(name(record, box.account))
        else { return }
        box.state.withLock { state in
            state.settling[record.id] = nil
            state.tree.remove(record.id)
            let standing: SenderItem.Standing
            switch outcome {
            case .gone: return
            case .released(let readyPath): standing = .waiting(readyPath: readyPath)
            case .failed:
                standing = .settling
                state.settling[record.id] = SenderBox.Settling(record: record, receipt: receipt)
            }
            state.tree.insert(
                SenderItem(
                    drop: record.id, bytes: receipt.bytes, modified: Self.seconds(record, receipt),
                    standing: standing), at: path)
        }
    }
}
