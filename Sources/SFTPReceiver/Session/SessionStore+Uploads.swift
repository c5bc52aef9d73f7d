// An upload from OPEN to its release or its rest: which partial it is, and what the daemon is asked.
import Admission
import SFTPWire
import Staging

extension SessionStore {
    func open(_ order: OpenOrder) throws(StagingError) -> StoreAnswer {
        try checkReserve()
        let path = order.path.text
        let modified = order.modified
        let wasReleased = try store.shown(path) != nil
        if wasReleased, order.exclusive { throw StagingError(.exists, path) }
        if !wasReleased, order.exclusive || order.mustExist || !order.fresh {
            if let held = try store.acquire(path) {
                if order.exclusive { throw StagingError(.exists, path) }
                if !order.fresh {
                    let size = try store.resume(held, limit: order.announced, modified: modified)
                    uploads[order.slot] = held.file
                    return .opened(
                        OpenedUpload(size: size, modified: modified ?? held.file.sidecar.modified, now: now))
                }
            } else if order.mustExist {
                // A directory is there and cannot be opened, anything else is absent.
                try store.checkFileName(path)
                throw StagingError(.notFound, path)
            }
        }
        let now = Instant.now()
        uploads[order.slot] = try store.create(path, drop: makeDrop(now), modified: modified, now: now)
        return .opened(
            OpenedUpload(size: 0, modified: modified, now: self.now, reopened: wasReleased && !order.fresh))
    }

    /// The upload is whole: released, or kept under its provisional name.
    func finish(_ order: FinishOrder) throws(StagingError) -> StoreAnswer {
        let file = try upload(order.slot)
        uploads[order.slot] = nil
        guard try file.status().bytes == order.size else {
            throw StagingError(.failed, "\(order.path) has not the length that was written")
        }
        let sha256 = try file.sha256(of: order.size)
        try file.sync()
        if order.release {
            return try release(
                file, as: order.path, size: order.size, sha256: sha256, modified: order.modified,
                keepIfRefused: true)
        }
        try file.keepWhole(size: order.size, sha256: sha256, modified: order.modified)
        try store.removeOlder(than: file.drop, path: order.path.text)
        try store.hide(order.path.text)
        return .done
    }

    /// Asks the daemon to release a whole, durable upload. While it is asked the partial is sealed, so that
    /// nobody resumes what may be released already.
    private func release(
        _ file: PartialFile, as path: VirtualPath, size: Int64, sha256: String, modified: Int64?,
        keepIfRefused: Bool
    ) throws(StagingError) -> StoreAnswer {
        if link.isOpen {
            try file.seal()
            do throws(LinkError) {
                let answer = try link.commit(
                    LinkCommit(
                        id: 0, drop: file.drop, partial: file.fileName, path: path.text, bytes: size,
                        sha256: sha256, modified: modified))
                if answer.ok {
                    file.forget()
                    // They were superseded; what cannot be removed now goes to quarantine with time.
                    try? store.removeOlder(than: file.drop, path: path.text)
                    show(path, size: size, modified: modified)
                    return .done
                }
                do throws(StagingError) {
                    try file.unseal()
                    if keepIfRefused { try file.keepWhole(size: size, sha256: sha256, modified: modified) }
                } catch {
                    // It stays where it is and goes to quarantine with time.
                }
                return .failed(
                    StoreFailure(
                        .other,
                        answer.message
                            ?? "\(path): the gate did not take it (\(answer.code ?? "no reason given"))"))
            } catch {
                return .failed(StoreFailure(.gone, SessionText.gone))
            }
        }
        if keepIfRefused { try file.keepWhole(size: size, sha256: sha256, modified: modified) }
        return .failed(StoreFailure(.gone, SessionText.gone))
    }

    /// The upload is not whole; it waits for its sender. One without a byte is not worth waiting for.
    func keep(_ order: KeepOrder) {
        guard let file = uploads.removeValue(forKey: order.slot) else { return }
        var message = order.message
        do throws(StagingError) {
            if order.extents.ranges.isEmpty {
                try file.discard()
            } else {
                try file.keep(order.extents.ranges, modified: order.modified)
                // The newer upload shows, where it can be resumed.
                try store.hide(order.path.text)
            }
        } catch {
            message += "; what has arrived could not be kept for resume: \(error.description)"
        }
        link.tell(
            .incomplete(
                LinkIncomplete(
                    drop: file.drop, path: order.path.text, bytes: order.extents.count, message: message)))
    }

    func rename(_ order: RenameOrder) throws(StagingError) -> StoreAnswer {
        let from = order.from.text
        let to = order.to.text
        if let slot = order.slot {
            try checkTarget(order)
            try upload(slot).rename(to: to)
            return .done
        }
        if try store.shown(from) != nil {
            try checkTarget(order)
            try store.renameShown(from, to: to)
            return .done
        }
        guard let held = try store.acquire(from) else {
            try store.renameDirectory(from, to: to)
            return .done
        }
        try checkTarget(order)
        guard order.release else {
            try held.file.rename(to: to)
            try store.removeOlder(than: held.file.drop, path: to)
            try store.hide(to)
            return .done
        }
        guard held.info.isWhole else {
            return .failed(
                StoreFailure(
                    .other,
                    "\(order.from): its upload was interrupted after \(held.info.bytes) bytes; send the rest, then rename it"
                ))
        }
        let sha256 = try held.file.sha256(of: held.info.bytes)
        return try release(
            held.file, as: order.to, size: held.info.bytes, sha256: sha256,
            modified: held.file.sidecar.modified,
            keepIfRefused: false)
    }

    private func checkTarget(_ order: RenameOrder) throws(StagingError) {
        try store.checkFileName(order.to.text)
        guard !order.replace else { return }
        let to = order.to.text
        guard try store.shown(to) == nil, try store.find(to) == nil else { throw StagingError(.exists, to) }
    }
}
