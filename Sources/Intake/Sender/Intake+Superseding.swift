// An upload of a name is whole: what there is of older ones of that name, and is not whole, is nothing that a sender may go on
// with, or one file would be made of two. What waits goes at once. What a session still writes goes when that session has left
// it, which a network that is gone lets the gate know minutes later. Nothing goes away of which a sender was told that it has come:
// an older whole upload is withdrawn by the newer one. Marks on the disk say so to a gate that starts meanwhile.
import Admission
import JSON
import Ledger
import Logging
import Staging
import Synchronization

/// Whole uploads that a newer one of their name makes old. Nobody sees them any more.
struct Superseded {
    /// The drop of the newer one.
    let newer: String
    /// The name of all of them.
    let path: DropPath
    let items: [SenderItem]
}

extension Intake {
    /// An upload is whole under this name.
    /// - Returns: what is to be withdrawn (`withdraw`), as that waits for the ledger; nil: nothing.
    func supersede(
        _ drop: String, at path: DropPath, in state: inout SenderBox.State, _ box: SenderBox
    ) -> Superseded? {
        guard let whole = state.tree.item(drop) else { return nil }
        if let former = whole.former, former != path {
            // What is whole there has kept the name that this one has left.
            supersedeParts(by: whole, at: former, in: &state, box)
        }
        supersedeParts(by: whole, at: path, in: &state, box)
        let items = supersedeWhole(by: whole, at: path, in: &state, box)
        return items.isEmpty ? nil : Superseded(newer: drop, path: path, items: items)
    }

    private func supersedeParts(
        by whole: SenderItem, at path: DropPath, in state: inout SenderBox.State, _ box: SenderBox
    ) {
        for item in state.tree.items(path)
        where !item.isDelivered && !item.isWhole && item.drop != whole.drop && item.isOlder(than: whole) {
            supersede(item, in: &state, box)
        }
    }

    private func supersedeWhole(
        by whole: SenderItem, at path: DropPath, in state: inout SenderBox.State, _ box: SenderBox
    ) -> [SenderItem] {
        var promised: [SenderItem] = []
        for item in state.tree.items(path) where item.isWhole && item.drop < whole.drop {
            if !configuration.temporaryNames.match(path.text) {
                // Its CLOSE was refused, or it would have been accepted: its sender has sent it again.
                supersede(item, in: &state, box)
            } else if (try? box.files.summary(item.drop))?.isLive == false {
                state.tree.remove(item.drop)
                _ = try? box.files.parts.createFile(Self.olderMark(item.drop))
                promised.append(item)
            } else {
                mark(item.drop, in: &state, box)
            }
        }
        return promised
    }

    private func supersede(_ item: SenderItem, in state: inout SenderBox.State, _ box: SenderBox) {
        if item.isPartial, (try? box.files.remove(item.drop)) == true {
            state.tree.remove(item.drop)
        } else {
            mark(item.drop, in: &state, box)
        }
    }

    /// Puts whole uploads into quarantine, each with an entry. One with which that fails is its sender's again: the next whole upload of
    /// its name, a RENAME of that, and a REMOVE withdraw it.
    func withdraw(_ superseded: Superseded?, _ box: SenderBox) async {
        guard let superseded else { return }
        for item in superseded.items {
            do throws(SenderError) {
                try await withdraw(item, of: superseded, box)
            } catch {
                logger.error(
                    "the older upload \(item.drop) could not be put into quarantine: \(error.message)")
                guard let found = try? box.files.summary(item.drop), var back = SenderItem(found) else {
                    continue
                }
                (back.opened, back.former, back.isSuperseded) = (item.opened, item.former, true)
                box.state.withLock { $0.tree.insert(back, at: superseded.path) }
            }
        }
    }

    private func withdraw(
        _ item: SenderItem, of superseded: Superseded, _ box: SenderBox
    ) async throws(SenderError) {
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .withdrawn)
        attempt.account = box.account
        attempt.detail["message"] = "a newer upload of its name is whole"
        attempt.detail["newer"] = .string(superseded.newer)
        try await withdraw(partial: item, true, superseded.path, attempt, box)
    }

    /// Before a name is renamed: with what could not be withdrawn then, both would be accepted. The box is locked for this caller alone.
    func withdrawSuperseded(at path: DropPath, _ box: SenderBox) async throws(SenderError) {
        let items = box.state.withLock { $0.tree.items(path) }
        // It may be written again.
        guard let newest = items.last(where: { !$0.isSuperseded && ($0.isWhole || $0.reopened != nil) })
        else {
            return
        }
        let superseded = Superseded(
            newer: newest.drop, path: path, items: items.filter { $0.isWhole && $0.isSuperseded })
        for item in superseded.items { try await withdraw(item, of: superseded, box) }
    }

    /// An upload gets another name while it is written. What is older under the one that it leaves is old once it is whole.
    func rename(
        written drop: String, from path: DropPath, to other: DropPath, in state: inout SenderBox.State,
        _ box: SenderBox
    ) {
        // What is newer under the former name says nothing of the new one.
        unmark(drop, in: &state, box)
        state.tree.update(drop) { $0.former = $0.former ?? path }
        state.tree.move(drop, to: other)
    }

    /// What a gate that ended before this one had no time to take away.
    func supersedeInterrupted(in state: inout SenderBox.State, _ box: SenderBox) {
        for path in state.tree.files(inside: .root) {
            let items = state.tree.items(path)
            let whole = items.last { $0.isDelivered || $0.isWhole }
            for item in items where !item.isDelivered && !item.isWhole {
                guard item.isSuperseded || whole.map({ item.isOlder(than: $0) }) == true else { continue }
                mark(item.drop, in: &state, box)
                _ = returned(item.drop, in: &state, box)
            }
        }
    }

    // MARK: The marks

    /// Of an upload that is not whole.
    private static func supersededMark(_ drop: String) -> String { drop + ".superseded" }

    /// Of a whole one that is still to be withdrawn. Another mark, since what was closed after it had got the first is an upload of its own.
    private static func olderMark(_ drop: String) -> String { drop + ".older" }

    /// On the disk it goes at the latest with the last of what tells of the upload (`PartialStore.removeOrphans`).
    private func mark(_ drop: String, in state: inout SenderBox.State, _ box: SenderBox) {
        guard state.tree.item(drop)?.isSuperseded != true else { return }
        state.tree.update(drop) { item in
            item.isSuperseded = true
            // It could not be removed: somebody has it whom the gate does not know.
            if item.isPartial { item.standing = .writing(session: 0) }
        }
        // Without it, it is this gate alone that knows.
        _ = try? box.files.parts.createFile(Self.supersededMark(drop))
    }

    func unmark(_ drop: String, in state: inout SenderBox.State, _ box: SenderBox) {
        if state.tree.item(drop)?.isSuperseded == true {
            state.tree.update(drop) { $0.isSuperseded = false }
        }
        // Whatever the tree says: a gate before this one may have made them.
        removeMarks(of: drop, box)
    }

    func removeMarks(of drop: String, _ box: SenderBox) {
        for mark in [Self.supersededMark(drop), Self.olderMark(drop)] {
            _ = try? box.files.parts.remove(mark)
        }
    }

    func isMarked(_ item: SenderItem, _ files: PartialStore) -> Bool {
        let mark = item.isWhole ? Self.olderMark(item.drop) : Self.supersededMark(item.drop)
        do { return try files.parts.status(mark) != nil } catch { return false }
    }

    // MARK: Left

    /// What becomes of an upload that its session has left.
    enum LeftStanding {
        /// It waits as it lies there, or somebody still has it.
        case waits(SenderItem)
        /// So many bytes of it were there, and are gone.
        case superseded(bytes: Int64)
        /// There is nothing to go on with.
        case nothing
    }

    func leave(_ drop: String, in state: inout SenderBox.State, _ box: SenderBox) -> LeftStanding {
        guard let path = state.tree.path(of: drop), let left = state.tree.remove(drop),
            let found = try? box.files.summary(drop), let summary = try? unsealed(found, box.files),
            var item = SenderItem(summary)
        else { return .nothing }
        item.opened = left.openedLast(bytes: item.bytes)
        item.former = left.former
        // One that was closed meanwhile is an upload of its own.
        item.isSuperseded = left.isSuperseded && !item.isWhole
        if item.isWhole { removeMarks(of: drop, box) }
        if item.isSuperseded, item.isPartial {
            if (try? box.files.remove(drop)) == true {
                removeMarks(of: drop, box)
                return .superseded(bytes: item.bytes)
            }
            // Whoever has it now is looked for again.
            item.standing = .writing(session: 0)
        }
        state.tree.insert(item, at: path)
        return .waits(item)
    }

    /// An upload that nobody writes any more, as it lies there; nil when nobody may, or can, go on with it.
    func returned(_ drop: String, in state: inout SenderBox.State, _ box: SenderBox) -> SenderItem? {
        guard let path = state.tree.path(of: drop) else { return nil }
        switch leave(drop, in: &state, box) {
        case .waits(let item): return item.isWritten ? nil : item
        case .superseded(let bytes):
            noteGivenUp(drop, path, bytes, "a newer upload of its name is whole", box)
            return nil
        case .nothing: return nil
        }
    }

    /// The entry of an interrupted upload that the gate itself took away.
    func noteGivenUp(_ drop: String, _ path: DropPath, _ bytes: Int64, _ why: String, _ box: SenderBox) {
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .rejected, reason: .incomplete)
        attempt.account = box.account
        attempt.drop = DropFacts(
            id: drop, name: UntrustedText.head(path.text, limit: 1024), bytes: bytes, sha256: nil)
        attempt.detail["message"] = .string("this interrupted upload was given up: \(why)")
        write(attempt)
    }
}
