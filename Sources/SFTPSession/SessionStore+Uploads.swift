// An upload from OPEN to its acceptance or its rest: which partial it is, and what the daemon is told.
import Admission
import SFTPWire
import Staging
import TLS

extension SessionStore {
    func open(_ order: OpenOrder) throws -> StoreAnswer {
        let opened = try ask(
            UploadOpening(
                path: order.path.text, exclusive: order.exclusive, mustExist: order.mustExist,
                fresh: order.fresh, appends: order.appends, modified: order.modified))
        if opened.standing == .partial {
            // Locked by a session that the gate has lost sight of: that one is still writing it.
            guard let held = try store.hold(opened.drop) else {
                tell(opened.drop, order.path, .untouched)
                throw StoreError(.other, "\(order.path): another session is writing it; try again later")
            }
            uploads[order.slot] = Open(bytes: .file(held.file), earlier: held, room: opened.room)
            return .opened(
                OpenedUpload(
                    size: held.bytes, modified: order.modified ?? held.file.sidecar.modified, now: now,
                    standing: .partial(isWhole: held.isWhole)))
        }
        uploads[order.slot] = begin(opened, order.path, order.modified)
        return .opened(
            OpenedUpload(
                size: 0, modified: order.modified, now: now,
                standing: opened.standing == .delivered ? .delivered(bytes: opened.bytes ?? 0) : .fresh))
    }

    private func ask(_ open: UploadOpening) throws -> UploadOpened {
        try wanted(.open(open)) { if case .opened(let opened) = $0 { opened } else { nil } }
    }

    private func begin(_ opened: UploadOpened, _ path: VirtualPath, _ modified: Int64?) -> Open {
        Open(
            bytes: .small(SmallUpload(drop: opened.drop, path: path.text, modified: modified)),
            room: opened.room)
    }

    /// An earlier upload goes on after its first bytes, or stays and a fresh one takes its place here.
    func begin(_ slot: UploadSlot, keeping bytes: Int64) throws -> StoreAnswer {
        var open = try upload(slot)
        guard let earlier = open.earlier else { return .done }
        if bytes > 0 || earlier.bytes == 0 {
            // A whole one keeps its digest until something is written.
            if bytes < earlier.bytes || !earlier.isWhole {
                try store.resume(earlier, at: bytes, modified: earlier.file.sidecar.modified)
            }
            open.earlier = nil
            uploads[slot] = open
            return .done
        }
        let path = try VirtualPath(sent: Array(open.path.utf8))
        uploads[slot] = nil
        putBack(open)
        let modified = earlier.file.sidecar.modified
        let opened = try ask(
            UploadOpening(
                path: path.text, exclusive: false, mustExist: false, fresh: true, appends: false,
                modified: modified))
        uploads[slot] = begin(opened, path, modified)
        return .done
    }

    /// The upload is whole: handed over to be accepted, or kept under its temporary name.
    func finish(_ order: FinishOrder) throws -> StoreAnswer {
        if case .small = try upload(order.slot).bytes, !link.isOpen {
            uploads[order.slot] = nil
            return .failed(StoreError(.gone, SessionText.gone))
        }
        if !temporaryNames.match(order.path.text), let small = try small(order.slot, to: order.size),
            small.bytes.count == order.size
        {
            return try handOver(small, order)
        }
        let file: PartialFile
        do throws(StagingError) {
            file = try self.file(of: order.slot)
        } catch {
            giveUp(order)
            throw error
        }
        uploads[order.slot] = nil
        guard try file.status().bytes == order.size else {
            file.release()
            tell(file.drop, order.path, .untouched)
            throw StoreError(.other, "\(order.path): it has not the length that was written; send it again")
        }
        do {
            let sha256 = try file.sha256(of: order.size)
            try file.syncWithName()
            if temporaryNames.match(order.path.text) {
                try keepWhole(file, order, sha256)
                return .done
            }
            return try handOver(file, order, sha256)
        } catch let error as StagingError {
            leave(file, order.path, error)
            throw error
        }
    }

    /// It could not be handed over, and waits for another try; but for what a disk has failed to store.
    private func leave(_ file: PartialFile, _ path: VirtualPath, _ error: StagingError) {
        guard file.hasLostBytes else {
            file.release()
            return tell(file.drop, path, .untouched)
        }
        try? file.discard()
        tell(file.drop, path, .lost, message: "the disk could not store it: \(error.description)")
    }

    /// It could not be made a file: nothing of it is anywhere.
    private func giveUp(_ order: FinishOrder) {
        guard let open = uploads.removeValue(forKey: order.slot) else { return }
        tell(open.drop, order.path, .discarded)
    }

    private func keepWhole(_ file: PartialFile, _ order: FinishOrder, _ sha256: String) throws(StagingError) {
        try file.keepWhole(size: order.size, sha256: sha256, modified: order.modified)
        file.release()
        tell(file.drop, order.path, .whole, bytes: order.size, modified: order.modified)
    }

    /// Gives the daemon the bytes with the question whether it accepts them. Where it does not answer, nobody knows here whether
    /// it has, and nothing is left that could be gone on with: its sender hears of a failure and sends it again.
    private func handOver(_ small: SmallUpload, _ order: FinishOrder) throws -> StoreAnswer {
        let sha256 = SHA256.hash(data: small.bytes).hex
        let answer: UploadCommitAnswer
        do throws(SessionIPCError) {
            answer = try link.commit(commit(small.drop, order, sha256), content: small.bytes)
        } catch {
            uploads[order.slot] = nil
            throw error
        }
        if answer.ok {
            uploads[order.slot] = nil
            return .done
        }
        // Kept for another try, as a file. The refusal is what its sender hears, whatever comes of that.
        guard let file = try? self.file(of: order.slot) else {
            giveUp(order)
            return refusal(answer, order)
        }
        uploads[order.slot] = nil
        do throws(StagingError) {
            try file.syncWithName()
            try keepWhole(file, order, sha256)
        } catch {
            leave(file, order.path, error)
        }
        return refusal(answer, order)
    }

    /// Asks the daemon to accept a whole, durable upload. While it is asked the partial is sealed, so that nobody
    /// resumes what may be accepted already.
    private func handOver(_ file: PartialFile, _ order: FinishOrder, _ sha256: String) throws -> StoreAnswer {
        guard link.isOpen else {
            try file.keepWhole(size: order.size, sha256: sha256, modified: order.modified)
            return .failed(StoreError(.gone, SessionText.gone))
        }
        try file.seal()
        let answer = try link.commit(commit(file.drop, order, sha256))
        if answer.ok { return .done }
        do throws(StagingError) {
            try file.unseal()
            try keepWhole(file, order, sha256)
        } catch {
            // It stays where it is and goes to quarantine with time.
        }
        return refusal(answer, order)
    }

    private func commit(_ drop: String, _ order: FinishOrder, _ sha256: String) -> UploadCommit {
        UploadCommit(
            id: 0, drop: drop, path: order.path.text, bytes: order.size, sha256: sha256,
            modified: order.modified)
    }

    private func refusal(_ answer: UploadCommitAnswer, _ order: FinishOrder) -> StoreAnswer {
        .failed(
            StoreError(
                .other,
                answer.message
                    ?? "\(order.path): the gate did not take it (\(answer.code ?? "no reason given"))"))
    }

    /// The upload is not whole; it waits for its sender, up to its first gap: nobody goes on behind one, and what lies there would be
    /// room that counts for nobody. One without a first byte is not worth waiting for, nor is a small one when no daemon hears of it:
    /// the next one would not know of it, once it has looked at what there is.
    func keep(_ order: KeepOrder) {
        guard let open = uploads[order.slot] else { return }
        defer { uploads[order.slot] = nil }
        do throws(StagingError) {
            if case .small = open.bytes, !link.isOpen { return }
            let prefix = order.extents.prefix
            if prefix == 0 {
                if case .file(let file) = open.bytes { try file.discard() }
                tell(open.drop, order.path, .lost, bytes: order.extents.count, message: order.message)
            } else {
                let file = try self.file(of: order.slot)
                try file.keep([0..<prefix], modified: order.modified)
                // Who is told of it may go on with it at once.
                file.release()
                tell(
                    file.drop, order.path, .interrupted, bytes: order.extents.count,
                    prefix: prefix, modified: order.modified, message: order.message)
            }
        } catch {
            if case .file(let file)? = uploads[order.slot]?.bytes, file.hasLostBytes { try? file.discard() }
            tell(
                open.drop, order.path, .lost, bytes: order.extents.count,
                message:
                    "\(order.message); what has arrived could not be kept for resume: \(error.description)")
        }
    }

    func discard(_ slot: UploadSlot) throws(StagingError) {
        guard let open = uploads.removeValue(forKey: slot) else { return }
        if case .file(let file) = open.bytes { try file.discard() }
        link.end(UploadEnded(drop: open.drop, path: open.path, outcome: .discarded))
    }

    func putBack(_ slot: UploadSlot) {
        if let open = uploads.removeValue(forKey: slot) { putBack(open) }
    }

    func putBack(_ open: Open) {
        // The lock goes with the file; until then the daemon would take it for one that is being written.
        if case .file(let file) = open.bytes { file.release() }
        link.end(UploadEnded(drop: open.drop, path: open.path, outcome: .untouched))
    }

    private func tell(
        _ drop: String, _ path: VirtualPath, _ outcome: UploadEnded.Outcome, bytes: Int64 = 0,
        prefix: Int64 = 0,
        modified: Int64? = nil, message: String? = nil
    ) {
        link.end(
            UploadEnded(
                drop: drop, path: path.text, outcome: outcome, bytes: bytes,
                prefix: outcome == .whole ? bytes : prefix, modified: modified, message: message))
    }
}
