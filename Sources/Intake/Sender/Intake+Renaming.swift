// RENAME: a drop that settles gets its final name, one that waits in `ready/` is moved there, an upload that waits for
// its final name is accepted under it. Each with an entry that says from what to what.
import Admission
import JSON
package import Ledger
package import Staging
import Synchronization

/// A name that becomes another one.
package struct SenderRename: Sendable {
    package var from: DropPath
    package var to: DropPath
    /// What shows under the new name gives way. Else it makes the request fail.
    package var replaces: Bool
    /// The drop under `from` that the asking session is writing.
    package var open: String?

    package init(from: DropPath, to: DropPath, replaces: Bool, open: String?) {
        self.from = from
        self.to = to
        self.replaces = replaces
        self.open = open
    }
}

/// One upload or drop that is about to get another name.
enum RenamedPart {
    /// Locked: no other session goes on with it meanwhile.
    case partial(SenderItem, PartialStore.Held)
    /// `claimed`: where it lay under `ready/`, from where it was taken.
    case accepted(SenderBox.Settling, claimed: String?)
}

extension Intake {
    /// - Parameter attempt: who asks; what comes of it is filled in here.
    package func rename(
        _ order: SenderRename, attempt: Attempt, _ session: SenderSession
    ) async throws(SenderError) {
        let box = session.box
        var wanted = order
        if let open = order.open, !writes(open, session) { wanted.open = nil }
        let order = wanted
        guard order.from != order.to, !order.to.isInside(order.from) else {
            throw SenderError(.failed, .badPath, "\(order.from): cannot become \(order.to)")
        }
        try await box.lock.with(.exclusive) { () async throws(SenderError) in
            try session.checkTurn()
            try checkParent(order.to, box, reason: .badPath)
            let (isFolder, isTaken, begun) = box.state.withLock { state in
                (
                    order.open == nil && state.tree.isFolder(order.from), state.tree.isFolder(order.to),
                    state.begun(order)
                )
            }
            if isTaken, !isFolder || begun == nil {
                throw SenderError(
                    .exists, .forbiddenOperation, "\(order.to): there is a directory of that name")
            }
            if isFolder {
                try await renameFolder(order, goingOnWith: begun, attempt, session)
            } else {
                try await renameFile(order, attempt, session)
            }
            box.state.withLock { state in
                state.renamed = now
                use(folder: order.to.parent, in: &state, box)
            }
        }
        session.renames(order.from, to: order.to, at: now)
    }

    private func renameFile(
        _ order: SenderRename, _ attempt: Attempt, _ session: SenderSession
    ) async throws(SenderError) {
        let box = session.box
        try await withdrawSuperseded(at: order.from, box)
        let (items, target) = box.state.withLock { state in
            forgetTaken(in: &state, box, at: order.from)
            return (
                state.tree.items(order.from).filter { !$0.isWritten }, newest(order.to, in: &state, box)
            )
        }
        guard !items.isEmpty || order.open != nil else { throw gone(order.from, "renamed", session) }
        if target != nil, !order.replaces {
            throw SenderError(
                .exists, .forbiddenOperation,
                "\(order.to): exists already; remove it first, or replace it by posix-rename")
        }
        // Before the old file gives way it is seen that there is one to take its place, and room for it.
        let parts = try await prepare(items, order, box)
        guard !parts.isEmpty || order.open != nil else { throw gone(order.from, "renamed", session) }
        if target != nil, parts.contains(where: { isAccepted($0, as: order.to) }) {
            do throws(SenderError) {
                try checkRoom(order.from)
            } catch {
                giveBack(parts, box)
                throw error
            }
        }
        let isAny: Bool
        if target != nil, order.open == nil {
            isAny = try await replace(with: parts, order, attempt, session)
        } else {
            isAny = try await renameEach(of: parts, order, replaces: target != nil, attempt, session)
        }
        guard isAny || order.open != nil else { throw gone(order.from, "renamed", session) }
    }

    /// One that its session is writing has the new name at once, and nothing in the ledger tells of it yet.
    private func renameEach(
        of parts: [RenamedPart], _ order: SenderRename, replaces: Bool, _ attempt: Attempt,
        _ session: SenderSession
    ) async throws(SenderError) -> Bool {
        let box = session.box
        if replaces {
            do throws(SenderError) {
                _ = try await withdrawAll(order.to, attempt, box)
            } catch {
                giveBack(parts, box)
                throw error
            }
        }
        if let open = order.open {
            box.state.withLock { state in
                rename(written: open, from: order.from, to: order.to, in: &state, box)
            }
        }
        return try await rename(parts, order, attempt, session)
    }

    /// An upload that waits for its final name is accepted by the change, which takes room.
    func checkRoom(_ path: DropPath) throws(SenderError) {
        guard let error = checkSpace() else { return }
        throw refusal(StagingError(.full, error.description), path)
    }

    func isAccepted(_ isWhole: Bool, as path: DropPath) -> Bool {
        isWhole && !configuration.temporaryNames.match(path.text)
    }

    /// One name in a directory that gets another one: an upload that is not whole goes with it. Returns whether anything has the
    /// new name.
    func renameInFolder(
        _ part: SenderRename, _ attempt: Attempt, _ session: SenderSession
    ) async throws(SenderError) -> Bool {
        let box = session.box
        try await withdrawSuperseded(at: part.from, box)
        let items = box.state.withLock { $0.tree.items(part.from) }
        return try await rename(prepare(items, part, box, isInFolder: true), part, attempt, session)
    }

    // MARK: In two steps

    /// Takes released files back, and refuses what cannot be renamed. What a consumer has taken is left out.
    private func prepare(
        _ items: [SenderItem], _ order: SenderRename, _ box: SenderBox, isInFolder: Bool = false
    ) async throws(SenderError) -> [RenamedPart] {
        let isTemporary = configuration.temporaryNames.match(order.to.text)
        var parts: [RenamedPart] = []
        for item in items {
            switch item.standing {
            case .writing: continue
            // The sender means the one that it is writing, which makes this one old once it is whole.
            case .partial(isWhole: false) where order.open != nil: continue
            case .partial:
                do throws(SenderError) {
                    let held = try locked(item, order.from, "renamed", box)
                    guard held.isWhole || isInFolder || isTemporary else {
                        throw SenderError(
                            .failed, .incomplete,
                            "\(order.from): its upload was interrupted after \(Counted.bytes(item.bytes)); "
                                + "send the rest, then rename it"
                        )
                    }
                    parts.append(.partial(item, held))
                } catch {
                    giveBack(parts, box)
                    throw error
                }
            case .settling:
                if let settling = box.state.withLock({ $0.settling[item.drop] }) {
                    parts.append(.accepted(settling, claimed: nil))
                }
            case .waiting(let readyPath):
                do throws(SenderError) {
                    if let claimed = try await claim(item, readyPath, order.from, box) {
                        parts.append(.accepted(claimed, claimed: readyPath))
                    }
                } catch {
                    giveBack(parts, box)
                    throw error
                }
            }
        }
        return parts
    }

    func giveBack(_ parts: [RenamedPart], _ box: SenderBox) {
        for case .accepted(let settling, let claimed) in parts { giveBack(settling.record, claimed, box) }
    }

    /// Returns whether any was. One that its consumer acknowledged in this instant is left out.
    private func rename(
        _ parts: [RenamedPart], _ order: SenderRename, _ attempt: Attempt, _ session: SenderSession
    ) async throws(SenderError) -> Bool {
        let box = session.box
        var isAny = false
        for (index, part) in parts.enumerated() {
            do throws(SenderError) {
                switch part {
                case .partial(let item, let held) where isAccepted(held.isWhole, as: order.to):
                    try await accept(item, held, order, attempt, session)
                    isAny = true
                case .partial(let item, let held):
                    try await keep(item, held, under: order.to, box)
                    isAny = true
                case .accepted(let settling, let claimed):
                    if try await move(settling, to: order, attempt, box, claimed: claimed) { isAny = true }
                }
            } catch {
                giveBack(Array(parts[(index + 1)...]), box)
                throw error
            }
        }
        return isAny
    }

    // MARK: Partial uploads

    /// Locks an upload that waits. Throws where a session has it.
    func locked(
        _ item: SenderItem, _ path: DropPath, _ what: String, _ box: SenderBox
    ) throws(SenderError) -> PartialStore.Held {
        let held: PartialStore.Held?
        do throws(StagingError) { held = try box.files.hold(item.drop) } catch { throw refusal(error, path) }
        guard let held else { throw isWritten(path, what) }
        return held
    }

    func keep(
        _ item: SenderItem, _ held: PartialStore.Held, under path: DropPath, _ box: SenderBox
    ) async throws(SenderError) {
        do throws(StagingError) {
            try held.file.rename(to: path.text)
        } catch {
            throw refusal(error, path)
        }
        let isWhole = held.isWhole
        let superseded = box.state.withLock { state -> Superseded? in
            state.tree.move(item.drop, to: path)
            return isWhole ? supersede(item.drop, at: path, in: &state, box) : nil
        }
        await withdraw(superseded, box)
    }

    /// A whole upload gets its final name: it is accepted under it.
    private func accept(
        _ item: SenderItem, _ held: PartialStore.Held, _ order: SenderRename, _ attempt: Attempt,
        _ session: SenderSession
    ) async throws(SenderError) {
        let upload = try sealed(item, held, order, session.box)
        do throws(IntakeError) {
            _ = try await commit(upload, attempt: attempt, in: session.box)
            session.delivers(upload, at: now)
        } catch {
            // Should this fail too, the ledger does not have it: it goes to quarantine with time.
            try? held.file.unseal()
            throw SenderError(.failed, error.code, error.description)
        }
    }

    /// Nobody goes on with it from here on: it is about to be accepted.
    func sealed(
        _ item: SenderItem, _ held: PartialStore.Held, _ order: SenderRename, _ box: SenderBox
    ) throws(SenderError) -> FinishedUpload {
        let sha256: String
        do throws(StagingError) {
            sha256 = try held.file.sha256(of: held.bytes)
            try held.file.seal()
        } catch {
            throw refusal(error, order.from)
        }
        return FinishedUpload(
            dropID: item.drop, account: box.account, path: order.to.text, bytes: held.bytes,
            sha256: sha256, modified: held.file.sidecar.modified,
            uploadedAs: order.from.text)
    }

    // MARK: Accepted drops

    /// When a drop is to be released under a new name: one that was released before at once, one under a temporary
    /// name not before it has another one.
    private func due(_ record: DropRecord, under path: DropPath) -> Instant {
        if configuration.temporaryNames.match(path.text) { return now + configuration.retention.resumeFor }
        guard record.state == .pending else { return now }
        let wasTemporary = record.name.map(configuration.temporaryNames.match) ?? false
        let due = wasTemporary ? now : record.due ?? now
        return min(max(due, now + configuration.settle), max(now, record.received + Self.longestSettling))
    }

    /// The change is in the ledger before the sender hears of it; what is left of it is completed after a crash.
    private func move(
        _ settling: SenderBox.Settling, to order: SenderRename, _ attempt: Attempt, _ box: SenderBox,
        claimed: String?
    ) async throws(SenderError) -> Bool {
        let step: SenderStep
        do throws(SenderError) {
            step = try renaming(settling, to: order, attempt, box, claimed: claimed)
        } catch {
            giveBack(settling.record, claimed, box)
            throw error
        }
        return try await carryOut(step, order.from)
    }

    /// As `move`, but it is only made ready.
    func renaming(
        _ settling: SenderBox.Settling, to order: SenderRename, _ attempt: Attempt, _ box: SenderBox,
        claimed: String?
    ) throws(SenderError) -> SenderStep {
        let record = settling.record
        let isReleased = claimed != nil
        let new = try renamed(settling, to: order, box, isReleased: isReleased)
        let change = DropChange(
            id: record.id, from: isReleased ? .released : .pending,
            kind: .renamed(
                name: order.to.text, readyPath: new.record.readyPath,
                incoming: new.record.incoming ?? "", due: new.record.due ?? now))
        var entry = attempt
        entry.reason = attempt.verdict == .accepted ? .renamed : attempt.reason
        entry.drop = DropFacts(
            id: record.id, name: new.record.readyPath, bytes: new.receipt.bytes, sha256: new.receipt.sha256)
        entry.detail["from"] = .string(order.from.text)
        entry.detail["to"] = .string(order.to.text)
        entry.detail["was"] = isReleased ? "released" : "settling"
        if configuration.temporaryNames.match(order.to.text) { entry.detail["waits_for_final_name"] = true }
        entry.detail["accepted_by"] = .int(record.seq)
        return SenderStep(attempt: entry, operation: .change(entry, change)) { _ in
            if !isReleased { self.staging.ready.cancelReservation(record.readyPath) }
            let superseded = box.state.withLock { state -> Superseded? in
                state.settling[record.id] = new
                state.tree.update(record.id) { $0.standing = .settling }
                state.tree.move(record.id, to: order.to)
                return self.supersede(record.id, at: order.to, in: &state, box)
            }
            await self.withdraw(superseded, box)
            guard let due = new.record.due, due > self.now else {
                return await self.release(record.id, in: box, isDue: true)
            }
            // Where consumers look nothing tells of it any more.
            if isReleased { try? self.staging.ready.removeReceipt(record.id) }
            self.settler.schedule(new.record, of: box.account)
        } undone: {
            self.staging.ready.cancelReservation(new.record.readyPath)
            self.giveBack(record, claimed, box)
        }
    }

    /// A drop under its new name, with a place under `ready/` that is reserved for it.
    private func renamed(
        _ settling: SenderBox.Settling, to order: SenderRename, _ box: SenderBox, isReleased: Bool
    ) throws(SenderError) -> SenderBox.Settling {
        let record = settling.record
        var new = settling
        do throws(IntakeError) {
            new.record.readyPath = try reserve(order.to, box)
        } catch {
            throw SenderError(.failed, error.code, error.description)
        }
        new.record.name = order.to.text
        new.record.state = .pending
        new.record.incoming =
            isReleased ? StagingLayout.claimedFile(record.id, of: box.account) : record.incoming
        new.record.due = due(record, under: order.to)
        new.receipt.uploadedAs = new.receipt.uploadedAs ?? new.receipt.name
        new.receipt.name = order.to.text
        return new
    }
}
