// What the store's answers mean for the client that waits and for the session's state.

/// Why the store was asked.
enum Purpose: Equatable {
    case write
    case leaveSequence(Frame, Int)
    /// A write beyond the limit: its upload has been discarded.
    case refused(UInt32, String)
    case status(UInt32)
    case attributes(UInt32, VirtualPath)
    case exists(UInt32, VirtualPath)
    case list(UInt32, VirtualPath)
    case open(UInt32, OpenOrder, appends: Bool)
    case close(UInt32, Int)
    case closeFailing(UInt32, Int, String)
    case resize(UInt32, Int, Int64)
    case rename(UInt32, RenameOrder)
    case removeOpen(UInt32, Int)
}

extension DropBox {
    /// The answer to the request that `next` gave out. Without one it does nothing.
    package mutating func answer(_ answer: StoreAnswer) {
        guard let purpose = pending?.purpose else { return }
        pending = nil
        let failure = failure(of: answer)
        switch purpose {
        case .write: written(failure)
        case .leaveSequence(let frame, let slot): leftSequence(frame, slot, failure)
        case .refused(let id, let text): reply.status(id, .failure, text)
        case .status(let id): status(id, failure)
        case .attributes(let id, let path): found(id, path, answer, failure) { $0.attributes(id, $1) }
        case .exists(let id, let path): found(id, path, answer, failure) { reply, _ in reply.ok(id) }
        case .list(let id, let path): listed(id, path, answer, failure)
        case .open(let id, let order, let appends): opened(id, order, answer, failure, appends: appends)
        case .close(let id, let slot): closed(id, slot, failure)
        case .closeFailing(let id, let slot, let text):
            handles.remove(slot)
            reply.status(id, .failure, text)
        case .resize(let id, let slot, let size): resized(id, slot, size, failure)
        case .rename(let id, let order):
            if failure == nil { renamed(order) }
            status(id, failure)
        case .removeOpen(let id, let slot):
            handles.withUpload(slot) { $0.condition = .removed }
            status(id, failure)
        }
    }

    private mutating func listed(
        _ id: UInt32, _ path: VirtualPath, _ answer: StoreAnswer, _ failure: StoreFailure?
    ) {
        guard case .listing(let stored, let now) = answer else {
            return status(id, failure ?? StoreFailure(.other, "\(path): cannot be listed"))
        }
        let open = handles.uploads.map(\.upload).filter { $0.path.parent == path && $0.isStored }
        openListing(
            id, stored + open.map { DirectoryEntry(name: Array($0.path.name), node: $0.node) }, now: now)
    }

    private mutating func opened(
        _ id: UInt32, _ order: OpenOrder, _ answer: StoreAnswer, _ failure: StoreFailure?,
        appends: Bool
    ) {
        guard case .opened(let opened) = answer else {
            return status(id, failure ?? StoreFailure(.other, "\(order.path): cannot be opened"))
        }
        let upload = Upload(
            path: order.path, extents: Extents(prefix: opened.size), size: opened.size, appends: appends,
            reopened: opened.reopened, modified: order.modified ?? opened.modified, opened: opened.now)
        failedCloses[order.path] = nil
        reply.handle(id, handles.insert(.upload(upload)))
    }

    private mutating func closed(_ id: UInt32, _ slot: Int, _ failure: StoreFailure?) {
        if let failure, let path = handles.upload(slot)?.path, failedCloses.count < WireLimit.failedCloses {
            failedCloses[path] = failure.message
        }
        handles.remove(slot)
        status(id, failure)
    }

    private mutating func renamed(_ order: RenameOrder) {
        failedCloses[order.from] = nil
        failedCloses[order.to] = nil
        if let slot = order.slot { handles.withUpload(slot) { $0.path = order.to } }
    }

    private mutating func resized(_ id: UInt32, _ slot: Int, _ size: Int64, _ failure: StoreFailure?) {
        if failure == nil {
            handles.withUpload(slot) { upload in
                // A longer length leaves a hole until something is written there.
                if size > upload.size { upload.sequential = false }
                upload.extents.truncate(to: size)
                upload.size = size
            }
        }
        status(id, failure)
    }
}
