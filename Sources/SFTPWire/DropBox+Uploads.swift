// OPEN, CLOSE, RENAME and REMOVE: where an upload begins, where it becomes a drop, and how its sender may
// still handle it. What has been released changes in the sender's view only.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension DropBox {
    mutating func open(_ id: UInt32, _ sent: [UInt8], _ flags: OpenFlags, _ attributes: SentAttributes) {
        guard let path = resolve(id, "OPEN", sent) else { return }
        guard flags.contains(.write) else { return forbid(id, "OPEN", sent, noReading) }
        guard !path.isRoot else {
            reply.status(id, .failure, "\(path): is a directory")
            return
        }
        guard !handles.isFull else { return tooManyHandles(id) }
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
        if exclusive, isOpen {
            reply.status(id, .failure, "\(path): exists already")
            return
        }
        if isOpen, !truncates {
            reply.status(id, .failure, "\(path): is being written by this session; close it first")
            return
        }
        let order = OpenOrder(
            slot: handles.freeSlot, path: path, exclusive: exclusive,
            mustExist: !flags.contains(.create) && !isOpen, fresh: truncates, announced: announced,
            modified: attributes.modified.map(Int64.init))
        ask(.open(order), .open(id, order, appends: flags.contains(.append)))
    }

    mutating func close(_ id: UInt32, _ handle: HandleID?) {
        guard let slot = handles.slot(of: handle) else {
            reply.status(id, .failure, "CLOSE: there is no such open handle")
            return
        }
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
        if upload.reopened && !upload.touched {
            ask(.discard(slot), .close(id, slot))
            return
        }
        if let gap = upload.extents.firstGap(below: upload.size) {
            let text = "incomplete: bytes \(gap.lowerBound)–\(gap.upperBound - 1) are missing"
            ask(upload.unfinished(slot, text), .closeFailing(id, slot, text))
            return
        }
        let order = FinishOrder(
            slot: slot, path: upload.path, size: upload.size, modified: upload.modified,
            release: !isProvisional(upload.path))
        ask(.finish(order), .close(id, slot))
    }

    /// A name that its sender will replace by the final one, as its last component tells.
    func isProvisional(_ path: VirtualPath) -> Bool {
        let name = String(decoding: path.name, as: UTF8.self)
        return settings.provisional.contains { fnmatch($0, name, 0) == 0 }
    }

    mutating func rename(_ id: UInt32, _ operation: String, _ sent: [UInt8], _ sentTo: [UInt8], replace: Bool)
    {
        guard let from = resolve(id, operation, sent), let to = resolve(id, operation, sentTo) else { return }
        guard !from.isRoot, !to.isRoot, !to.isInside(from) else {
            reply.status(id, .failure, "\(from): cannot become \(to)")
            return
        }
        if from == to {
            stat(id, renamingToItself: from)
            return
        }
        if !replace, handles.openUpload(at: to) != nil {
            reply.status(id, .failure, "\(to): exists already")
            return
        }
        if handles.uploads.contains(where: { $0.upload.path.isInside(from) }) {
            reply.status(id, .failure, "\(from): files are open inside; close them first")
            return
        }
        let slot = handles.openUpload(at: from)
        let order = RenameOrder(
            from: from, to: to, slot: slot, replace: replace, release: slot == nil && !isProvisional(to))
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
