// Every request but WRITE: what is answered from the session's own view, what goes to the store, and what
// a drop box refuses. Paths are resolved here, once.

extension DropBox {
    mutating func handle(_ id: UInt32, _ request: Request) {
        switch request {
        case .open(let path, let flags, let attributes): open(id, path, flags, attributes)
        case .close(let handle): close(id, handle)
        case .write: break
        case .stat(let path): stat(id, "STAT", path)
        case .lstat(let path): stat(id, "LSTAT", path)
        case .fstat(let handle): fstat(id, handle)
        case .setstat(let path, let attributes): setstat(id, path, attributes)
        case .fsetstat(let handle, let attributes): fsetstat(id, handle, attributes)
        case .opendir(let path): opendir(id, path)
        case .readdir(let handle): readdir(id, handle)
        case .remove(let path): remove(id, path)
        case .mkdir(let path): mkdir(id, path)
        case .rmdir(let path): rmdir(id, path)
        case .realpath(let path): realpath(id, path)
        case .rename(let from, let to): rename(id, "RENAME", from, to, replace: false)
        case .posixRename(let from, let to): rename(id, Extension.posixRename, from, to, replace: true)
        case .fsync(let handle): fsync(id, handle)
        case .limits: reply.limits(id)
        case .read: forbid(id, "READ", [], noReading)
        case .readlink(let path): forbid(id, "READLINK", path, noLinks)
        case .symlink(let first, _): forbid(id, "SYMLINK", first, noLinks)
        case .hardlink(_, let to): forbid(id, Extension.hardlink, to, noLinks)
        case .unsupported(let name): reply.status(id, .unsupported, "this \(Self.kind) has no \(name)")
        }
    }

    var noReading: String { "this is a drop box: files can be sent to it, not read back" }
    private var noLinks: String { "this is a drop box: it has no links" }

    // MARK: Helpers

    mutating func ask(_ request: StoreRequest, _ purpose: Purpose) {
        pending = Pending(request: request, purpose: purpose)
    }

    // MARK: Looking

    private mutating func stat(_ id: UInt32, _ operation: String, _ sent: [UInt8]) {
        guard let path = resolve(id, operation, sent) else { return }
        if let slot = handles.openUpload(at: path), let upload = handles.upload(slot) {
            // No size that was told (`closeUntouched`): sshfs looks like this at whatever it opens, and may not have asked for it.
            reply.attributes(id, upload.node)
        } else if let text = failedCloses[path] {
            reply.status(id, .noSuchFile, "\(path) was not taken: \(text)")
        } else {
            ask(.stat(path), .attributes(id, path))
        }
    }

    private mutating func opendir(_ id: UInt32, _ sent: [UInt8]) {
        guard let path = resolve(id, "OPENDIR", sent) else { return }
        guard !handles.isFull else { return tooManyHandles(id, "OPENDIR", sent) }
        ask(.list(path, after: nil), .list(id, path))
    }

    mutating func fetchNames(_ id: UInt32, _ slot: Int, _ path: VirtualPath, after name: [UInt8]) {
        ask(.list(path, after: name), .names(id, slot, path, after: name))
    }

    // MARK: Directories

    private mutating func mkdir(_ id: UInt32, _ sent: [UInt8]) {
        guard let path = resolve(id, "MKDIR", sent) else { return }
        guard !path.isRoot else {
            reply.status(id, .failure, "\(path): is the root and exists already")
            return
        }
        guard handles.openUpload(at: path) == nil else {
            reply.status(id, .failure, "\(path): there is a file of that name, which this session is writing")
            return
        }
        ask(.makeDirectory(path), .status(id))
    }

    private mutating func rmdir(_ id: UInt32, _ sent: [UInt8]) {
        guard let path = resolve(id, "RMDIR", sent) else { return }
        if path.isRoot {
            forbid(id, "RMDIR", sent, "the root cannot be removed")
        } else if handles.uploads.contains(where: { $0.upload.path.isInside(path) }) {
            reply.status(id, .failure, "\(path): the directory is not empty")
        } else {
            ask(.removeDirectory(path), .status(id))
        }
    }

    // MARK: Attributes

    private mutating func setstat(_ id: UInt32, _ sent: [UInt8], _ attributes: SentAttributes) {
        guard let path = resolve(id, "SETSTAT", sent) else { return }
        if let slot = handles.openUpload(at: path) {
            setAttributes(id, slot, attributes)
        } else if let size = acceptedSize(id, "SETSTAT", path, attributes) {
            ask(
                .setAttributes(path, size: size, modified: attributes.modified.map(Int64.init)),
                .status(id))
        }
    }

    private mutating func fsetstat(_ id: UInt32, _ handle: HandleID?, _ attributes: SentAttributes) {
        guard let slot = slot(id, "FSETSTAT", handle) else { return }
        if handles.upload(slot) != nil {
            setAttributes(id, slot, attributes)
        } else {
            reply.ok(id)
        }
    }

    /// Size is honoured, the modification time is noted for the receipt, everything else is accepted only.
    private mutating func setAttributes(_ id: UInt32, _ slot: Int, _ attributes: SentAttributes) {
        guard let upload = handles.upload(slot) else { return }
        guard let size = acceptedSize(id, "FSETSTAT", upload.path, attributes) else { return }
        if case .refused(let text) = upload.condition {
            reply.status(id, .failure, text)
            return
        }
        handles.withUpload(slot) { $0.modified = attributes.modified.map(Int64.init) ?? $0.modified }
        guard let size, upload.isStored else { return reply.ok(id) }
        switch upload.start {
        case .decided: resize(id, slot, size)
        case .delivered(let bytes) where size == bytes && size > 0:
            // As it is: a client that looks whether anything is missing.
            reply.ok(id)
        case .delivered:
            // What it was opened over stays; this one begins, with nothing in it.
            handles.withUpload(slot) { $0.start = .decided }
            resize(id, slot, size)
        case .partial:
            let kept = min(size, upload.size)
            ask(.begin(slot, keeping: kept), .begin(.resize(id, size), slot, keeping: kept))
        }
    }

    mutating func resize(_ id: UInt32, _ slot: Int, _ size: Int64) {
        if handles.upload(slot)?.size == size {
            reply.ok(id)
        } else {
            ask(.resize(slot, size), .resize(id, slot, size))
        }
    }

    /// The size to set, if any; nil when the request has been refused because of it.
    private mutating func acceptedSize(
        _ id: UInt32, _ operation: String, _ path: VirtualPath, _ attributes: SentAttributes
    ) -> Int64?? {
        guard let sent = attributes.size else { return .some(nil) }
        guard let size = Int64(exactly: sent), size <= settings.maxFile ?? .max else {
            let text = tooLarge(path)
            reply.status(id, .failure, text)
            report(.tooLarge, operation, path.bytes, text)
            return nil
        }
        return .some(size)
    }

    private mutating func fsync(_ id: UInt32, _ handle: HandleID?) {
        guard let slot = slot(id, "fsync", handle) else { return }
        guard let upload = handles.upload(slot), upload.isStored else {
            reply.status(id, .failure, "fsync: the handle is not an upload's")
            return
        }
        ask(.sync(slot), .status(id))
    }
}
