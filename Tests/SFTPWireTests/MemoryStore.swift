// A store in memory that behaves as SessionStore promises to, without files or a daemon.
import SFTPWire

struct MemoryStore {
    struct Partial: Equatable {
        var bytes: [UInt8] = []
        /// How much a sender may rely on after the upload was kept.
        var known = 0
        var isWhole = false
        var modified: Int64?
    }

    struct Release: Equatable {
        var path: String
        var bytes: [UInt8]
        var modified: Int64?
    }

    let now: Int64 = 1_795_424_580
    var directories: Set<String> = [""]
    /// Closed and not released.
    var partials: [String: Partial] = [:]
    var open: [UploadSlot: (path: String, partial: Partial)] = [:]
    var releases: [Release] = []
    /// What shows of released files.
    var shown: [String: Node] = [:]
    var requests: [StoreRequest] = []
    /// Fails the next request of that kind.
    var failure: (when: (StoreRequest) -> Bool, with: StoreFailure)?

    mutating func perform(_ request: StoreRequest, _ input: Span<UInt8>, _ pieces: [Range<Int>])
        -> StoreAnswer
    {
        requests.append(request)
        if let failure, failure.when(request) {
            if case .finish(let order) = request { close(order.slot, whole: true) }
            return .failed(failure.with)
        }
        switch request {
        case .stat(let path): return .node(node(path.text))
        case .list(let path): return list(path)
        case .makeDirectory(let path): return makeDirectory(path)
        case .removeDirectory(let path): return removeDirectory(path.text)
        case .open(let order): return openUpload(order)
        case .leaveSequence, .sync: return .done
        case .write(let slot, let offset, let count): return write(slot, offset, count, input, pieces)
        case .resize(let slot, let size):
            resize(&open[slot]!.partial.bytes, Int(size))
            return .done
        case .finish(let order): return finish(order)
        case .keep(let order):
            open[order.slot]?.partial.known = Int(order.extents.prefix)
            close(order.slot, whole: false)
            return .done
        case .discard(let slot):
            open[slot] = nil
            return .done
        case .remove(let path, let slot): return remove(path.text, slot)
        case .setAttributes(let path, let size, let modified): return set(path.text, size, modified)
        case .rename(let order): return rename(order)
        }
    }

    private let absent = StoreFailure(.absent, "no such file")
    private let exists = StoreFailure(.exists, "exists")

    private func node(_ path: String) -> Node? {
        if directories.contains(path) { return Node(kind: .directory, size: 0, modified: now) }
        if let node = shown[path] { return node }
        return partials[path].map { Node(kind: .file, size: Int64($0.known), modified: $0.modified ?? now) }
    }

    private func list(_ path: VirtualPath) -> StoreAnswer {
        if shown[path.text] != nil { return .failed(StoreFailure(.other, "not a directory")) }
        guard directories.contains(path.text) else { return .failed(absent) }
        let names = directories.union(partials.keys).union(shown.keys).compactMap {
            try? VirtualPath(sent: Array($0.utf8))
        }
        let entries = names.filter { !$0.isRoot && $0.parent == path }.compactMap { name in
            node(name.text).map { DirectoryEntry(name: Array(name.name), node: $0) }
        }
        return .listing(entries, now: now)
    }

    private mutating func makeDirectory(_ path: VirtualPath) -> StoreAnswer {
        guard node(path.text) == nil else { return .failed(exists) }
        guard directories.contains(path.parent.text) else { return .failed(absent) }
        directories.insert(path.text)
        return .done
    }

    private mutating func removeDirectory(_ path: String) -> StoreAnswer {
        guard !shown.keys.contains(where: { $0.hasPrefix(path + "/") }) else { return .failed(exists) }
        return directories.remove(path) == nil ? .failed(absent) : .done
    }

    private mutating func remove(_ path: String, _ slot: UploadSlot?) -> StoreAnswer {
        let wasShown = shown.removeValue(forKey: path) != nil
        if let slot {
            open[slot] = nil
            return .done
        }
        return wasShown || partials.removeValue(forKey: path) != nil ? .done : .failed(absent)
    }

    private mutating func openUpload(_ order: OpenOrder) -> StoreAnswer {
        guard directories.contains(order.path.parent.text) else { return .failed(absent) }
        guard !directories.contains(order.path.text) else { return .failed(exists) }
        let wasReleased = shown[order.path.text] != nil
        let old = partials[order.path.text]
        if order.exclusive, old != nil || wasReleased { return .failed(exists) }
        if order.mustExist, old == nil, !wasReleased { return .failed(absent) }
        var partial = Partial(modified: order.modified)
        if !order.fresh, !wasReleased, let old {
            partial = old
            partial.bytes = Array(old.bytes.prefix(min(old.known, Int(order.announced ?? .max))))
            partial.isWhole = false
            partials[order.path.text] = nil
        }
        open[order.slot] = (order.path.text, partial)
        return .opened(
            OpenedUpload(
                size: Int64(partial.bytes.count), modified: partial.modified, now: now,
                reopened: wasReleased && !order.fresh))
    }

    private mutating func write(
        _ slot: UploadSlot, _ offset: Int64, _ count: Int, _ input: Span<UInt8>, _ pieces: [Range<Int>]
    ) -> StoreAnswer {
        let data = pieces.flatMap { piece in piece.map { input[$0] } }
        guard data.count == count, var upload = open[slot] else {
            return .failed(StoreFailure(.other, "lost"))
        }
        guard count > 0 else { return .done }
        let end = Int(offset) + count
        if upload.partial.bytes.count < end { resize(&upload.partial.bytes, end) }
        upload.partial.bytes.replaceSubrange(Int(offset)..<Int(offset) + data.count, with: data)
        open[slot] = upload
        return .done
    }

    private func resize(_ bytes: inout [UInt8], _ size: Int) {
        bytes = Array(bytes.prefix(size)) + Array(repeating: 0, count: max(0, size - bytes.count))
    }

    private mutating func close(_ slot: UploadSlot, whole: Bool) {
        guard var upload = open.removeValue(forKey: slot) else { return }
        if whole { upload.partial.known = upload.partial.bytes.count }
        upload.partial.isWhole = whole
        guard upload.partial.known > 0 || whole else { return }
        partials[upload.path] = upload.partial
        shown[upload.path] = nil
    }

    private mutating func finish(_ order: FinishOrder) -> StoreAnswer {
        guard var upload = open[order.slot], upload.partial.bytes.count == order.size else {
            return .failed(StoreFailure(.other, "not that long"))
        }
        upload.partial.modified = order.modified
        open[order.slot] = upload
        guard order.release else {
            close(order.slot, whole: true)
            return .done
        }
        open[order.slot] = nil
        return release(order.path.text, upload.partial)
    }

    private mutating func release(_ path: String, _ partial: Partial) -> StoreAnswer {
        partials[path] = nil
        releases.append(Release(path: path, bytes: partial.bytes, modified: partial.modified))
        shown[path] = Node(kind: .file, size: Int64(partial.bytes.count), modified: partial.modified ?? now)
        return .done
    }

    private mutating func set(_ path: String, _ size: Int64?, _ modified: Int64?) -> StoreAnswer {
        if directories.contains(path) { return .done }
        if let node = shown[path] {
            if let size, size != node.size { return .failed(StoreFailure(.denied, "released")) }
            shown[path]?.modified = modified ?? node.modified
            return .done
        }
        guard var partial = partials[path] else { return .failed(absent) }
        if let size { resize(&partial.bytes, Int(size)) }
        partial.known = min(partial.known, partial.bytes.count)
        partial.modified = modified ?? partial.modified
        partials[path] = partial
        return .done
    }

    private mutating func rename(_ order: RenameOrder) -> StoreAnswer {
        let (from, to) = (order.from.text, order.to.text)
        if directories.contains(to) || (!order.replace && node(to) != nil) { return .failed(exists) }
        if let slot = order.slot {
            open[slot]?.path = to
            return .done
        }
        if directories.contains(from) {
            directories.remove(from)
            directories.insert(to)
            for path in shown.keys where path.hasPrefix(from + "/") {
                shown[to + path.dropFirst(from.count)] = shown.removeValue(forKey: path)
            }
            return .done
        }
        if let node = shown.removeValue(forKey: from) {
            shown[to] = node
            return .done
        }
        guard let partial = partials[from] else { return .failed(absent) }
        guard order.release else {
            partials[from] = nil
            partials[to] = partial
            return .done
        }
        guard partial.isWhole else { return .failed(StoreFailure(.other, "interrupted")) }
        partials[from] = nil
        return release(to, partial)
    }
}
