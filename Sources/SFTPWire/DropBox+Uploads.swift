// OPEN, CLOSE, RENAME and REMOVE: where an upload begins, where it becomes a drop, and how its sender may still
// handle it.

extension DropBox {
    mutating func open(_ id: UInt32, _ sent: [UInt8], _ flags: OpenFlags, _ attributes: SentAttributes) {
        guard let path = resolve(id, "OPEN", sent) else { return }
        guard flags.contains(.write) else {
            // APPEND says how to write; draft section 6.3 has it beside WRITE.
            return flags.contains(.append) && !flags.contains(.read)
                ? refuse(id, "OPEN", path, "APPEND without WRITE: a file is opened for writing by WRITE")
                : forbid(id, "OPEN", sent, noReading)
        }
        guard !path.isRoot else { return refuse(id, "OPEN", path, "is a directory") }
        guard !handles.isFull else { return tooManyHandles(id, "OPEN", sent) }
        let announced = attributes.size.map { Int64(clamping: $0) }
        if let announced, announced > settings.maxFile ?? .max {
            let text = tooLarge(path)
            reply.status(id, .failure, text)
            report(.tooLarge, "OPEN", sent, text)
            return
        }
        let isOpen = handles.openUpload(at: path) != nil
        let exclusive = flags.contains([.create, .exclusive])
        let truncates = flags.contains(.truncate)
        if exclusive, isOpen { return refuse(id, "OPEN", path, "exists already") }
        if isOpen, !truncates {
            return refuse(id, "OPEN", path, "is being written by this session; close it first")
        }
        let order = OpenOrder(
            slot: handles.freeSlot, path: path, exclusive: exclusive,
            mustExist: !flags.contains(.create) && !isOpen, fresh: truncates,
            appends: flags.contains(.append) && !truncates, modified: attributes.modified.map(Int64.init))
        ask(.open(order), .open(id, order, appends: flags.contains(.append)))
    }

    /// Something that the sender could mend by asking for something else.
    private mutating func refuse(_ id: UInt32, _ operation: String, _ path: VirtualPath, _ what: String) {
        let text = "\(path): \(what)"
        reply.status(id, .failure, text)
        report(.badPath, operation, path.absolute, text)
    }

    mutating func close(_ id: UInt32, _ handle: HandleID?) {
        guard let slot = handles.slot(of: handle) else {
            reply.status(id, .failure, "CLOSE: there is no such open handle")
            return
        }
        close(id, slot: slot)
    }

    mutating func close(_ id: UInt32, slot: Int) {
        guard let upload = handles.upload(slot) else {
            handles.remove(slot)
            reply.ok(id)
            return
        }
        switch upload.condition {
        case .removed:
            handles.remove(slot)
            reply.ok(id)
        case .refused(let text):
            handles.remove(slot)
            reply.status(id, .failure, text)
        case .broken(let text):
            ask(upload.unfinished(slot, text), .closeFailing(id, slot, text))
        case .good:
            closeGood(id, slot, upload)
        }
    }

    private mutating func closeGood(_ id: UInt32, _ slot: Int, _ upload: Upload) {
        switch upload.start {
        case .decided: break
        // Nothing was written, so the delivered file is what it was.
        case .delivered: return ask(.discard(slot), .close(id, slot))
        case .partial(let isWhole): return closeUntouched(id, slot, upload, isWhole: isWhole)
        }
        if let gap = upload.extents.firstGap(below: upload.size) {
            let text = "incomplete: bytes \(gap.lowerBound)-\(gap.upperBound - 1) are missing"
            ask(upload.unfinished(slot, text), .closeFailing(id, slot, text))
            return
        }
        let order = FinishOrder(
            slot: slot, path: upload.path, size: upload.size, modified: upload.modified)
        ask(.finish(order), .close(id, slot))
    }

    /// An earlier upload was opened and nothing was written. A whole one is delivered by that, or tried again. One
    /// that broke off is whole only for a client that knows how many bytes are there, and so that it had sent them all: it asked by
    /// STAT before it opened it, or by FSTAT.
    private mutating func closeUntouched(_ id: UInt32, _ slot: Int, _ upload: Upload, isWhole: Bool) {
        if isWhole || upload.toldSize {
            ask(.begin(slot, keeping: upload.size), .begin(.close(id), slot, keeping: upload.size))
        } else {
            let text =
                "\(upload.path): nothing was written; \(upload.size) bytes of an interrupted upload wait for the rest, so send that, or the whole file"
            report(.badPath, "CLOSE", upload.path.absolute, text)
            ask(.putBack(slot), .closeFailing(id, slot, text))
        }
    }

    mutating func rename(_ id: UInt32, _ operation: String, _ sent: [UInt8], _ sentTo: [UInt8], replace: Bool)
    {
        guard let from = resolve(id, operation, sent), let to = resolve(id, operation, sentTo) else { return }
        guard !from.isRoot, !to.isRoot, !to.isInside(from) else {
            return refuse(id, operation, from, "cannot become \(to)")
        }
        if from == to {
            stat(id, renamingToItself: from)
            return
        }
        if !replace, handles.openUpload(at: to) != nil { return refuse(id, operation, to, "exists already") }
        if handles.uploads.contains(where: { $0.upload.path.isInside(from) }) {
            return refuse(id, operation, from, "files are open inside; close them first")
        }
        let slot = handles.openUpload(at: from)
        let order = RenameOrder(from: from, to: to, slot: slot, replace: replace)
        ask(.rename(order), .rename(id, order))
    }

    private mutating func stat(_ id: UInt32, renamingToItself path: VirtualPath) {
        if handles.openUpload(at: path) != nil {
            reply.ok(id)
        } else {
            ask(.stat(path), .exists(id, path))
        }
    }

    mutating func remove(_ id: UInt32, _ sent: [UInt8]) {
        guard let path = resolve(id, "REMOVE", sent) else { return }
        failedCloses[path] = nil
        if let slot = handles.openUpload(at: path) {
            ask(.remove(path, open: slot), .removeOpen(id, slot))
        } else {
            ask(.remove(path, open: nil), .status(id))
        }
    }
}
