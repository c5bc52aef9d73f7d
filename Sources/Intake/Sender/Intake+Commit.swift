// Accepts a whole upload: its entry is committed, then it settles, then it is released.
import Admission
package import Ledger
import Logging
import Staging
import Synchronization

extension Intake {
    /// Accepts a whole, durable upload: returns once its entry is. The client may be told OK then: what a crash leaves
    /// undone is completed at the next start. When it throws, the partial is untouched.
    package func commit(
        _ upload: FinishedUpload, attempt: Attempt, _ session: SenderSession? = nil
    ) async throws(IntakeError) -> DropOutcome {
        let box: SenderBox
        do {
            box = try self.box(of: upload.account)
        } catch {
            logger.error("the directory of account \(upload.account) cannot be opened: \(error)")
            throw Self.storesNothing
        }
        return try await box.lock.with(.shared) { () async throws(IntakeError) -> DropOutcome in
            do throws(SenderError) {
                try session?.checkTurn()
            } catch {
                throw IntakeError(error.reason ?? .forbiddenOperation, error.message)
            }
            return try await commit(upload, attempt: attempt, in: box)
        }
    }

    /// The box is locked.
    func commit(
        _ upload: FinishedUpload, attempt: Attempt, in box: SenderBox
    ) async throws(IntakeError) -> DropOutcome {
        let new = try prepareCommit(of: upload, attempt, box)
        let entry: AppendedEntry
        do {
            entry = try await append(new.attempt, new.drop)
        } catch {
            staging.ready.cancelReservation(new.readyPath)
            throw error
        }
        guard let record = entry.drop else {
            staging.ready.cancelReservation(new.readyPath)
            throw IntakeError(.badPath, "drop \(upload.dropID) was committed before")
        }
        return await accepted(upload, new, entry, record, in: box)
    }

    /// What the ledger is to take of a whole upload.
    struct NewUpload {
        let path: DropPath
        /// Reserved for it.
        let readyPath: String
        let attempt: Attempt
        let drop: DropRegistration
    }

    /// The box is locked.
    func prepareCommit(
        of upload: FinishedUpload, _ attempt: Attempt, _ box: SenderBox
    ) throws(IntakeError) -> NewUpload {
        let path = try check(upload, box)
        if checkSpace() != nil {
            throw IntakeError(
                .stagingFull,
                "\(path): the gate's disk is full; nothing is accepted until the gate's owner has made room",
                retryAfter: 60)
        }
        let readyPath = try reserve(path, box)
        let registration = UploadRegistration(upload, readyPath: readyPath, settle: configuration.settle)
        var attempt = attempt
        attempt.drop = registration.facts
        attempt.detail.merge(registration.detail) { _, new in new }
        return NewUpload(path: path, readyPath: readyPath, attempt: attempt, drop: registration.drop)
    }

    /// The entry of an upload is in the ledger. The box is locked.
    /// - Parameter drop: what the ledger has made of it.
    func accepted(
        _ upload: FinishedUpload, _ new: NewUpload, _ entry: AppendedEntry, _ drop: DropRecord,
        in box: SenderBox
    ) async -> DropOutcome {
        var record = drop
        // The ledger's times rise also when the clock was set back.
        record.due = record.due.map { min($0, now + configuration.settle) }
        let accepted = record
        let receipt = Receipt(AcceptedEntry(new.attempt, entry), drop: accepted)
        uploadSpace.end(record.id)
        box.state.withLock { state in
            let written = state.tree.item(accepted.id)
            state.settling[accepted.id] = SenderBox.Settling(record: accepted, receipt: receipt)
            var item = SenderItem(
                drop: accepted.id, bytes: upload.bytes,
                modified: upload.modified ?? entry.time.microseconds / 1_000_000, standing: .settling,
                opened: written?.openedLast(bytes: upload.bytes))
            item.former = written?.former
            state.tree.insert(item, at: new.path)
            // What is accepted has a final name, and there an older whole upload is nothing that was promised: it goes at once.
            _ = supersede(accepted.id, at: new.path, in: &state, box)
        }
        if record.due == nil {
            await release(record.id, in: box)
        } else {
            settler.schedule(record, of: box.account)
        }
        return DropOutcome(
            id: record.id, status: entry.repeats == nil ? .stored : .duplicate,
            name: String(record.readyPath.dropFirst(Self.readyRoot(box.account).utf8.count)), seq: entry.seq)
    }

    private func check(_ upload: FinishedUpload, _ box: SenderBox) throws(IntakeError) -> DropPath {
        guard let path = DropPath(upload.path), !path.isRoot else {
            throw IntakeError(.badPath, "\(upload.path) is not a path of a file")
        }
        // Since it was opened, another session may have made directories.
        let obstacle = box.state.withLock { state in
            state.tree.isFolder(path)
                ? "\(path): is a directory by now"
                : state.tree.fileAbove(path).map { "\($0): is a file by now, not a directory" }
        }
        if let obstacle { throw IntakeError(.badPath, obstacle) }
        return path
    }

    /// A path under `ready/` for a file of this name. The text of an error is for the client.
    func reserve(_ path: DropPath, _ box: SenderBox) throws(IntakeError) -> String {
        do throws(StagingError) {
            let readyPath = try staging.ready.reserve(Self.readyRoot(box.account) + path.text)
            mayHavePlace(box.account)
            return readyPath
        } catch {
            guard isOfItsName(error, below: Self.readyRoot(box.account)) else {
                throw hasNoPlace(box.account, error)
            }
            logger.error("no place under ready/ for \(UntrustedText.head(path.description)): \(error)")
            throw IntakeError(
                .badPath,
                "\(path): the gate has no place for a file of this name now; send it under another one, or ask the gate's owner to run "
                    + "dropgate doctor")
        }
    }
}
