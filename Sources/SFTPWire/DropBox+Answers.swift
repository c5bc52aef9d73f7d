// What the store's answers mean for the client that waits and for the session's state.

/// Why the store was asked.
enum Purpose: Equatable {
    case write
    case leaveSequence(Frame, Int)
    /// Before the first write, or before the size is set.
    case begin(BeginFor, Int, keeping: Int64)
    /// A write beyond the limit: its upload has been discarded.
    case refused(UInt32, String)
    case status(UInt32)
    case attributes(UInt32, VirtualPath)
    case exists(UInt32, VirtualPath)
    case list(UInt32, VirtualPath)
    case names(UInt32, Int, VirtualPath, after: [UInt8])
    case open(UInt32, OpenOrder, appends: Bool)
    case close(UInt32, Int)
    case closeFailing(UInt32, Int, String)
    case resize(UInt32, Int, Int64)
    case rename(UInt32, RenameOrder)
    case removeOpen(UInt32, Int)
}

/// What waits until an earlier upload goes on or is left behind.
enum BeginFor: Equatable {
    case write(Frame)
    case close(UInt32)
    case resize(UInt32, Int64)
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
        case .begin(let next, let slot, let kept): began(next, slot, kept, failure)
        case .refused(let id, let text): reply.status(id, .failure, text)
        case .status(let id): status(id, failure)
        case .attributes(let id, let path):
            if case .node(let node?) = answer, node.kind == .file { told(path, node.size) }
            found(id, path, answer, failure) { $0.attributes(id, $1) }
        case .exists(let id, let path): found(id, path, answer, failure) { reply, _ in reply.ok(id) }
        case .list(let id, let path): listed(id, path, answer, failure)
        case .names(let id, let slot, let path, let after):
            guard case .listing(let found, let hasMore, _) = answer else {
                return fetched(id, slot, [], hasMore: false, failure ?? unlisted(path))
            }
            fetched(id, slot, own(found, path, after, hasMore), hasMore: hasMore, nil)
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
            // Its bytes are gone all the same.
            handles.withUpload(slot) {
                $0.condition = failure.map { Upload.Condition.refused($0.message) } ?? .removed
            }
            status(id, failure)
        }
    }

    private mutating func listed(
        _ id: UInt32, _ path: VirtualPath, _ answer: StoreAnswer, _ failure: StoreError?
    ) {
        guard case .listing(let found, let hasMore, let now) = answer else {
            return status(id, failure ?? unlisted(path))
        }
        openListing(id, path, own(found, path, nil, hasMore), hasMore: hasMore, now: now)
    }

    private func unlisted(_ path: VirtualPath) -> StoreError {
        StoreError(.other, "\(path): cannot be listed")
    }

    /// A page of names with this session's open uploads as they are now.
    private func own(
        _ found: [DirectoryEntry], _ path: VirtualPath, _ after: [UInt8]?, _ hasMore: Bool
    ) -> [DirectoryEntry] {
        let open = handles.uploads.map(\.upload).filter { $0.path.parent == path && $0.isStored }
        guard !open.isEmpty else { return found }
        let last = hasMore ? found.last?.name : nil
        var nodes: [[UInt8]: Node] = [:]
        for entry in found { nodes[entry.name] = entry.node }
        for upload in open {
            let name = Array(upload.path.name)
            if let after, !after.lexicographicallyPrecedes(name) { continue }
            if let last, last.lexicographicallyPrecedes(name) { continue }
            nodes[name] = upload.node
        }
        return nodes.map { DirectoryEntry(name: $0.key, node: $0.value) }
            .sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    private mutating func told(_ path: VirtualPath, _ size: Int64) {
        if toldSizes.count >= WireLimit.toldSizes { toldSizes.removeAll() }
        toldSizes[path] = size
    }

    private mutating func opened(
        _ id: UInt32, _ order: OpenOrder, _ answer: StoreAnswer, _ failure: StoreError?,
        appends: Bool
    ) {
        guard case .opened(let opened) = answer else {
            return status(id, failure ?? StoreError(.other, "\(order.path): cannot be opened"))
        }
        let start: Upload.Start =
            switch opened.standing {
            case .fresh: .decided
            case .partial(let isWhole): .partial(isWhole: isWhole)
            case .delivered(let bytes): .delivered(bytes: bytes)
            }
        let upload = Upload(
            path: order.path, extents: Extents(prefix: opened.size), size: opened.size, appends: appends,
            start: start, toldSize: toldSizes[order.path] == opened.size,
            modified: order.modified ?? opened.modified, opened: opened.now)
        failedCloses[order.path] = nil
        reply.handle(id, handles.insert(.upload(upload)))
    }

    private mutating func closed(_ id: UInt32, _ slot: Int, _ failure: StoreError?) {
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

    /// An earlier upload goes on after `kept` bytes, or a fresh one took its place.
    private mutating func began(_ next: BeginFor, _ slot: Int, _ kept: Int64, _ failure: StoreError?) {
        if failure == nil {
            handles.withUpload(slot) { upload in
                upload.start = .decided
                upload.extents = Extents(prefix: kept)
                upload.kept = kept
                upload.size = kept
                upload.sequential = true
            }
        }
        switch (next, failure) {
        // The packet is still in the input, and comes again.
        case (.write, nil): break
        case (.write(let frame), let failure?):
            handles.withUpload(slot) { $0.condition = .broken(failure.message) }
            fail(frame, failure.message)
        case (.close(let id), nil): close(id, slot: slot)
        case (.resize(let id, let size), nil): resize(id, slot, size)
        case (.close(let id), let failure?):
            handles.remove(slot)
            status(id, failure)
        case (.resize(let id, _), let failure?): status(id, failure)
        }
    }

    private mutating func resized(_ id: UInt32, _ slot: Int, _ size: Int64, _ failure: StoreError?) {
        if failure == nil {
            handles.withUpload(slot) { upload in
                // A longer length leaves a hole until something is written there.
                if size > upload.size { upload.sequential = false }
                upload.extents.truncate(to: size)
                upload.kept = min(upload.kept, size)
                upload.size = size
            }
        }
        status(id, failure)
    }
}
