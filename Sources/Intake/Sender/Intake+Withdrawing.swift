// REMOVE: what was accepted and nobody has taken goes to quarantine, with an entry, never away. And the steps that
// renaming shares with it: taking a released file back before a consumer has it.
import Admission
import Blocking
import JSON
package import Ledger
import Logging
package import Staging
import Synchronization

extension Intake {
    /// - Parameters:
    ///   - open: the drop under this name that the asking session is writing; it has discarded it.
    ///   - attempt: who asks; what comes of it is filled in here.
    package func remove(
        _ path: DropPath, open: String?, attempt: Attempt, _ session: SenderSession
    ) async throws(SenderError) {
        let box = session.box
        let open = open.flatMap { writes($0, session) ? $0 : nil }
        if let open { discarded(open, session) }
        let isRemoved = try await box.lock.with(.exclusive) { () async throws(SenderError) -> Bool in
            try session.checkTurn()
            if open == nil, box.state.withLock({ $0.tree.isFolder(path) && $0.tree.items(path).isEmpty }) {
                throw SenderError(.failed, .badPath, "\(path): is a directory; RMDIR removes it")
            }
            return try await withdrawAll(path, attempt, box)
        }
        // From this answer on STAT says the same of a file that its consumer has taken.
        defer { session.takesBack(path) }
        guard isRemoved || open != nil else { throw gone(path, "removed", session, ofShown: .absent) }
    }

    /// Takes away everything under a name that nobody writes. False: there was nothing, or its consumer has it. The
    /// box is locked for this caller alone.
    func withdrawAll(
        _ path: DropPath, _ attempt: Attempt, _ box: SenderBox
    ) async throws(SenderError) -> Bool {
        var isAny = false
        for item in try removable(path, box) {
            if case .partial(let isWhole) = item.standing {
                try await withdraw(partial: item, isWhole, path, attempt, box)
            } else {
                guard let step = try await withdrawal(of: item, path, attempt, box),
                    try await carryOut(step, path)
                else { continue }
            }
            isAny = true
        }
        return isAny
    }

    /// As `withdrawAll`, but what was accepted is only made ready to be taken away.
    func prepareWithdrawals(
        _ path: DropPath, _ attempt: Attempt, _ box: SenderBox
    ) async throws(SenderError) -> [SenderStep] {
        var steps: [SenderStep] = []
        do throws(SenderError) {
            for item in try removable(path, box) {
                if case .partial(let isWhole) = item.standing {
                    try await withdraw(partial: item, isWhole, path, attempt, box)
                } else if let step = try await withdrawal(of: item, path, attempt, box) {
                    steps.append(step)
                }
            }
        } catch {
            undo(steps)
            throw error
        }
        return steps
    }

    /// What there is of a name, newest first, without what its consumer has.
    private func removable(_ path: DropPath, _ box: SenderBox) throws(SenderError) -> [SenderItem] {
        let items = box.state.withLock { state in
            forgetTaken(in: &state, box, at: path)
            return state.tree.items(path)
        }
        // All of a name or nothing.
        if configuration.afterRelease == .refuse, items.contains(where: \.isWaiting) {
            throw untouchable(path)
        }
        return items.reversed()
    }

    /// nil: it is being written, or its consumer has it.
    private func withdrawal(
        of item: SenderItem, _ path: DropPath, _ attempt: Attempt, _ box: SenderBox
    ) async throws(SenderError) -> SenderStep? {
        switch item.standing {
        case .writing, .partial: return nil
        case .settling:
            guard let settling = box.state.withLock({ $0.settling[item.drop] }) else { return nil }
            return try await withdrawal(of: settling, path, attempt, box, claimed: nil)
        case .waiting(let readyPath):
            guard let claimed = try await claim(item, readyPath, path, box) else { return nil }
            return try await withdrawal(of: claimed, path, attempt, box, claimed: readyPath)
        }
    }

    /// What was interrupted was never promised to anybody and goes; a whole one was answered OK and is kept.
    func withdraw(
        partial item: SenderItem, _ isWhole: Bool, _ path: DropPath, _ attempt: Attempt, _ box: SenderBox
    ) async throws(SenderError) {
        let isProbe = String(decoding: path.name, as: UTF8.self).hasPrefix(ProbeMark.filePrefix)
        // Before anything is recorded: what a session has taken up again is not withdrawn.
        let held = try locked(item, path, "removed", box)
        if !isProbe {
            var attempt = attempt
            attempt.reason = attempt.verdict == .accepted ? .withdrawn : attempt.reason
            attempt.drop = DropFacts(id: item.drop, name: path.text, bytes: item.bytes, sha256: nil)
            attempt.detail["was"] = isWhole ? "waiting for its final name" : "interrupted"
            do {
                try await record(attempt)
            } catch {
                throw SenderError(.failed, .ledgerFailed, "\(path): \(Self.ledgerText)")
            }
        }
        do {
            if !isWhole || isProbe {
                try held.file.discard()
            } else {
                try await quarantine(held, path, box)
            }
        } catch let error as StagingError {
            throw refusal(error, path)
        } catch {
            throw refusal(StagingError(.failed, "\(error)"), path)
        }
        box.state.withLock { _ = $0.tree.remove(item.drop) }
        removeMarks(of: item.drop, box)
    }

    private func quarantine(_ held: PartialStore.Held, _ path: DropPath, _ box: SenderBox) async throws {
        let drop = held.file.drop
        var receipt = Receipt(
            drop: drop, channel: Channel.sftp.rawValue, name: path.text, file: "", bytes: held.bytes,
            received: held.file.sidecar.started.description)
        receipt.account = box.account
        receipt.sha256 = held.file.sidecar.sha256
        receipt.reason = Reason.withdrawn.rawValue
        let done = receipt
        try await uploads.runToEnd {
            try self.staging.quarantine(
                incoming: StagingLayout.acceptedFile(done.drop, of: box.account), of: box.account,
                receipt: done)
        }
        try box.files.removeSidecars(drop)
    }

    /// Returns whether it was: false when its consumer acknowledged it in this instant.
    func withdraw(
        _ settling: SenderBox.Settling, _ path: DropPath, _ attempt: Attempt, _ box: SenderBox,
        claimed: String?
    ) async throws(SenderError) -> Bool {
        let step = try await withdrawal(of: settling, path, attempt, box, claimed: claimed)
        return try await carryOut(step, path)
    }

    /// - Parameter claimed: where it lay under `ready/`, from where it was taken; nil: it settles.
    private func withdrawal(
        of settling: SenderBox.Settling, _ path: DropPath, _ attempt: Attempt, _ box: SenderBox,
        claimed: String?
    ) async throws(SenderError) -> SenderStep {
        let (record, receipt) = (settling.record, settling.receipt)
        let incoming =
            claimed == nil ? record.incoming ?? "" : StagingLayout.claimedFile(record.id, of: box.account)
        var entry = attempt
        entry.reason = attempt.verdict == .accepted ? .withdrawn : attempt.reason
        entry.drop = DropFacts(id: record.id, name: path.text, bytes: receipt.bytes, sha256: receipt.sha256)
        entry.detail["was"] = claimed == nil ? "settling" : "released"
        entry.detail["accepted_by"] = .int(record.seq)
        if claimed == nil {
            do {
                try await writeFiles(of: [record.id], in: box)
            } catch {
                throw refusal(error as? StagingError ?? StagingError(.failed, "\(error)"), path)
            }
            // What takes its place gets its path, too.
            staging.ready.cancelReservation(record.readyPath)
        }
        let change = DropChange(
            id: record.id, from: claimed == nil ? .pending : .released, kind: .withdrawn(incoming: incoming))
        return SenderStep(attempt: entry, operation: .change(entry, change)) { _ in
            if claimed == nil {
                self.settler.forget(record.id)
                self.retries.end(record.id)
                self.health.clear(problem: "release", of: record.id)
            }
            box.state.withLock { state in
                state.settling[record.id] = nil
                state.tree.remove(record.id)
            }
            await self.putAway(record, incoming: incoming, of: box.account, receipt)
            try? box.files.removeSidecars(record.id)
        } undone: {
            if claimed == nil { self.staging.ready.reserve(exactly: record.readyPath) }
            self.giveBack(record, claimed, box)
        }
    }

    // MARK: Taking back

    /// Takes a released file out of `ready/`; nil: its consumer has it.
    /// - Parameter bySender: whom the settings may forbid it.
    func claim(
        _ item: SenderItem, _ readyPath: String, _ path: DropPath, _ box: SenderBox, bySender: Bool = true
    ) async throws(SenderError) -> SenderBox.Settling? {
        guard !bySender || configuration.afterRelease == .change else { throw untouchable(path) }
        // Before the mark of its release is made: it would undo the change.
        guard await isReleaseRecorded(item.drop) else { throw releaseNotRecorded(path) }
        var taken: DropRecord?
        do {
            // An entry whose time is over tells no next start what is to become of the file: it stays where it is.
            guard let found = try store.newestUploads(readyPaths: [readyPath]).first,
                found.record.id == item.drop, found.record.state == .released,
                let entry = try found.entry ?? store.entry(seq: found.record.seq)
            else {
                box.state.withLock { _ = $0.tree.remove(item.drop) }
                return nil
            }
            // Who looks meanwhile must not take it for one that its consumer took.
            box.state.withLock { $0.tree.update(item.drop) { $0.standing = .settling } }
            taken = found.record
            let isClaimed = try await uploads.runToEnd {
                try self.staging.ready.takeBack(
                    readyPath, bytes: item.bytes, to: StagedFile(item.drop, in: box.files.claimed))
            }
            guard isClaimed else {
                box.state.withLock { _ = $0.tree.remove(item.drop) }
                return nil
            }
            return SenderBox.Settling(
                record: found.record, receipt: try Receipt(AcceptedEntry(entry), drop: found.record))
        } catch {
            // Moved already, and not durably: it goes back to where consumers look. Anything but a file is an obstacle to the move.
            if let taken, (try? box.files.claimed.status(item.drop))?.isRegular == true {
                giveBack(taken, readyPath, box)
            } else {
                box.state.withLock {
                    $0.tree.update(item.drop) { $0.standing = .waiting(readyPath: readyPath) }
                }
            }
            if let error = error as? StagingError, error.needsMending {
                throw refusal(error, path)
            }
            logger.error("\(UntrustedText.head(path.description)) cannot be taken back: \(error)")
            throw SenderError(.failed, .badPath, "\(path): \(SenderError.broken.message)")
        }
    }

    /// Whether the ledger says of what lies in `ready/` that it is released, or soon does. Where it cannot be read the change fails
    /// by itself.
    private func isReleaseRecorded(_ drop: String) async -> Bool {
        func isPending() -> Bool { (try? store.drop(id: drop)?.state) == .pending }
        guard isPending() else { return true }
        // What failed may have been another part of the batch.
        _ = await stager.waitForMark()
        return !isPending()
    }

    private func releaseNotRecorded(_ path: DropPath) -> SenderError {
        SenderError(
            .failed, nil,
            "\(path): its release is not recorded yet, and nothing can be changed before that; try again later"
        )
    }

    func untouchable(_ path: DropPath) -> SenderError {
        SenderError(
            .denied, .forbiddenOperation,
            "\(path): has been released to its consumer; this gate lets nobody change it any more (sftp.after_release)"
        )
    }

    /// The ledger did not take the change: a claimed file goes back to where it was.
    func giveBack(_ record: DropRecord, _ claimed: String?, _ box: SenderBox) {
        guard let claimed else { return }
        do throws(StagingError) {
            try staging.ready.putBack(StagedFile(record.id, in: box.files.claimed), to: claimed)
            box.state.withLock { $0.tree.update(record.id) { $0.standing = .waiting(readyPath: claimed) } }
        } catch {
            // The next start puts it back.
            health.set(
                problem: "release", of: record.id,
                message: "drop \(record.id) could not be put back into ready/: \(error)")
            logger.error("drop \(record.id) could not be put back into ready/: \(error)")
        }
    }

    /// Whether the drop was in the state that the change is from.
    func make(_ change: DropChange, _ attempt: Attempt) async throws -> Bool {
        guard case .appended(let entry) = try await writer.commit(.change(attempt, change)) else {
            return false
        }
        contacts.heard(attempt, at: entry.time)
        return true
    }

    func isWritten(_ path: DropPath, _ what: String) -> SenderError {
        SenderError(
            .failed, .forbiddenOperation,
            "\(path): another session is writing it; it cannot be \(what) now")
    }

    /// Why nothing of a name can be renamed or removed.
    /// - Parameter kind: what is answered for a file that STAT shows although its consumer has taken it.
    func gone(
        _ path: DropPath, _ what: String, _ session: SenderSession, ofShown kind: SenderError.Kind = .failed
    ) -> SenderError {
        let box = session.box
        if box.state.withLock({ $0.tree.items(path).contains(where: \.isWritten) }) {
            return isWritten(path, what)
        }
        let isOwn = delivered(path, session) != nil
        let known = (try? store.newestUpload(readyPath: Self.readyRoot(box.account) + path.text)).flatMap(
            \.self)
        // Pending is one whose release is not marked in the ledger yet: what settles would have been found.
        let wasTaken = known.map { ![.lost, .withdrawn].contains($0.state) } ?? false
        guard isOwn || wasTaken else { return SenderError(.absent, nil, "\(path): no such file") }
        // Who overwrites by REMOVE and RENAME must hear "no such file", or a daily file of one name is never sent.
        return SenderError(
            isOwn ? kind : .absent, .forbiddenOperation,
            "\(path): its consumer has taken it, so it cannot be \(what) any more")
    }
}
