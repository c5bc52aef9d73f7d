// A store in memory that behaves as SessionStore promises to, without files or a daemon. Of each name it has the
// newest upload and all deliveries.
import SFTPWire
import Testing

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

    struct Open: Equatable {
        var path: String
        var partial: Partial
        /// It waits for `begin`.
        var isEarlier = false
    }

    let now: Int64 = 1_795_424_580
    var directories: Set<String> = [""]
    /// Closed and not delivered.
    var partials: [String: Partial] = [:]
    var open: [UploadSlot: Open] = [:]
    /// Delivered and not taken, oldest first.
    var releases: [Release] = []
    var requests: [StoreRequest] = []
    /// Fails the next requests of that kind.
    var failure: (when: (StoreRequest) -> Bool, with: StoreError)?
    /// Names of one page.
    var pageNames = 3
    /// The daemon lists what a session is writing; another store need not.
    var listsOpenUploads = false
    /// Answers every listing in place of what is there.
    var listing: ((_ after: [UInt8]?) -> StoreAnswer)?

    mutating func perform(_ request: StoreRequest, _ input: Span<UInt8>, _ pieces: [Range<Int>])
        -> StoreAnswer
    {
        requests.append(request)
        checkBegun(request)
        if let failure, failure.when(request) {
            if case .finish(let order) = request { close(order.slot, whole: true) }
            return .failed(failure.with)
        }
        switch request {
        case .stat(let path): return .node(node(path.text))
        case .list(let path, let name): return listing?(name) ?? list(path, after: name)
        case .makeDirectory(let path): return makeDirectory(path)
        case .removeDirectory(let path): return removeDirectory(path.text)
        case .open(let order): return openUpload(order)
        case .begin(let slot, let kept): return begin(slot, keeping: Int(kept))
        case .leaveSequence, .sync: return .done
        case .write(let slot, let offset, let count): return write(slot, offset, count, input, pieces)
        case .resize(let slot, let size):
            resize(&open[slot]!.partial.bytes, Int(size))
            return .done
        case .finish(let order): return finish(order)
        case .keep(let order):
            open[order.slot]?.partial.known = Int(order.extents.prefix)
            if order.extents.ranges.isEmpty { open[order.slot] = nil }
            close(order.slot, whole: false)
            return .done
        case .discard(let slot):
            open[slot] = nil
            return .done
        case .putBack(let slot):
            if let upload = open.removeValue(forKey: slot), upload.isEarlier {
                partials[upload.path] = upload.partial
            }
            return .done
        case .remove(let path, let slot): return remove(path.text, slot)
        case .setAttributes(let path, let size, let modified): return set(path.text, size, modified)
        case .rename(let order): return rename(order)
        }
    }

    /// Nothing changes an earlier upload before `begin` has said what becomes of it. It may be given up whole.
    private func checkBegun(_ request: StoreRequest) {
        let slot: UploadSlot? =
            switch request {
            case .leaveSequence(let slot), .write(let slot, _, _), .resize(let slot, _):
                slot
            case .finish(let order): order.slot
            case .keep(let order): order.slot
            default: nil
            }
        if let slot, open[slot]?.isEarlier != false {
            Issue.record("\(request): of an upload that was not begun")
        }
    }

    private let absent = StoreError(.absent, "no such file")
    private let exists = StoreError(.exists, "exists")

    // MARK: Names

    private func isTemporary(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        return name.hasPrefix(".in.")
            || [".filepart", ".part", ".partial", ".tmp"].contains { name.hasSuffix($0) }
    }

    private func delivered(_ path: String) -> Release? { releases.last { $0.path == path } }

    private func node(_ path: String) -> Node? {
        if directories.contains(path) { return Node(kind: .directory, size: 0, modified: now) }
        if let partial = partials[path] {
            return Node(kind: .file, size: Int64(partial.known), modified: partial.modified ?? now)
        }
        return delivered(path).map {
            Node(kind: .file, size: Int64($0.bytes.count), modified: $0.modified ?? now)
        }
    }

    private func list(_ path: VirtualPath, after name: [UInt8]?) -> StoreAnswer {
        guard directories.contains(path.text) else {
            return .failed(node(path.text) == nil ? absent : StoreError(.other, "not a directory"))
        }
        let prefix = path.isRoot ? "" : path.text + "/"
        var nodes: [[UInt8]: Node] = [:]
        for full in directories.union(partials.keys).union(releases.map(\.path))
        where full.hasPrefix(prefix) && full != path.text {
            let own = Array(full.utf8.dropFirst(prefix.utf8.count))
            if !own.contains(UInt8(ascii: "/")), let node = node(full) { nodes[own] = node }
        }
        if listsOpenUploads {
            for upload in open.values where upload.path.hasPrefix(prefix) {
                let own = Array(upload.path.utf8.dropFirst(prefix.utf8.count))
                if !own.contains(UInt8(ascii: "/")) { nodes[own] = Node(kind: .file, size: 0, modified: now) }
            }
        }
        let rest = nodes.keys.filter { name?.lexicographicallyPrecedes($0) ?? true }
            .sorted { $0.lexicographicallyPrecedes($1) }
        return .listing(
            rest.prefix(pageNames).compactMap { own in nodes[own].map { DirectoryEntry(name: own, node: $0) }
            },
            hasMore: rest.count > pageNames, now: now)
    }

    private mutating func makeDirectory(_ path: VirtualPath) -> StoreAnswer {
        guard node(path.text) == nil else { return .failed(exists) }
        guard directories.contains(path.parent.text) else { return .failed(absent) }
        directories.insert(path.text)
        return .done
    }

    private mutating func removeDirectory(_ path: String) -> StoreAnswer {
        let names = directories.union(partials.keys).union(releases.map(\.path))
        guard !names.contains(where: { $0.hasPrefix(path + "/") }) else { return .failed(exists) }
        return directories.remove(path) == nil ? .failed(absent) : .done
    }

    private mutating func remove(_ path: String, _ slot: UploadSlot?) -> StoreAnswer {
        let wasThere = node(path) != nil && !directories.contains(path)
        releases.removeAll { $0.path == path }
        partials[path] = nil
        guard let slot else { return wasThere ? .done : .failed(absent) }
        open[slot] = nil
        return .done
    }

    private mutating func set(_ path: String, _ size: Int64?, _ modified: Int64?) -> StoreAnswer {
        if directories.contains(path) { return .done }
        if var partial = partials[path] {
            if let size { resize(&partial.bytes, Int(size)) }
            partial.known = min(partial.known, partial.bytes.count)
            partial.modified = modified ?? partial.modified
            partials[path] = partial
            return .done
        }
        guard let index = releases.lastIndex(where: { $0.path == path }) else { return .failed(absent) }
        if let size, size != Int64(releases[index].bytes.count) {
            return .failed(StoreError(.denied, "delivered"))
        }
        releases[index].modified = modified ?? releases[index].modified
        return .done
    }

    private mutating func rename(_ order: RenameOrder) -> StoreAnswer {
        let (from, to) = (order.from.text, order.to.text)
        guard directories.contains(order.to.parent.text) else { return .failed(absent) }
        if directories.contains(to) || (!order.replace && node(to) != nil) { return .failed(exists) }
        if let slot = order.slot {
            _ = remove(to, nil)
            open[slot]?.path = to
            return .done
        }
        if directories.contains(from) { return renameDirectory(from, to) }
        guard node(from) != nil else { return .failed(absent) }
        if let partial = partials[from], !partial.isWhole, !isTemporary(to) {
            return .failed(StoreError(.other, "interrupted"))
        }
        _ = remove(to, nil)
        for index in releases.indices where releases[index].path == from { releases[index].path = to }
        if let partial = partials.removeValue(forKey: from) { place(partial, to) }
        return .done
    }

    private mutating func renameDirectory(_ from: String, _ to: String) -> StoreAnswer {
        guard node(to) == nil else { return .failed(exists) }
        let moved = { (path: String) in
            path == from || path.hasPrefix(from + "/") ? to + path.dropFirst(from.count) : path
        }
        directories = Set(directories.map(moved))
        partials = Dictionary(uniqueKeysWithValues: partials.map { (moved($0.key), $0.value) })
        for index in releases.indices { releases[index].path = moved(releases[index].path) }
        return .done
    }

    // MARK: Uploads

    private mutating func openUpload(_ order: OpenOrder) -> StoreAnswer {
        let path = order.path.text
        guard directories.contains(order.path.parent.text) else { return .failed(absent) }
        guard !directories.contains(path) else { return .failed(exists) }
        let shown = node(path)
        if order.exclusive, shown != nil { return .failed(exists) }
        if order.mustExist, shown == nil { return .failed(absent) }
        if !order.fresh, let earlier = partials.removeValue(forKey: path) {
            open[order.slot] = Open(path: path, partial: earlier, isEarlier: true)
            return .opened(
                OpenedUpload(
                    size: Int64(earlier.known), modified: order.modified ?? earlier.modified, now: now,
                    standing: .partial(isWhole: earlier.isWhole)))
        }
        if order.appends, shown != nil { return .failed(StoreError(.denied, "it was delivered whole")) }
        open[order.slot] = Open(path: path, partial: Partial(modified: order.modified))
        return .opened(
            OpenedUpload(
                size: 0, modified: order.modified, now: now,
                standing: order.fresh ? .fresh : shown.map { .delivered(bytes: $0.size) } ?? .fresh))
    }

    private mutating func begin(_ slot: UploadSlot, keeping kept: Int) -> StoreAnswer {
        guard var upload = open[slot], upload.isEarlier, kept <= upload.partial.known else {
            Issue.record("begin: no earlier upload of \(kept) bytes")
            return .failed(StoreError(.other, "lost"))
        }
        if kept == 0, upload.partial.known > 0 {
            partials[upload.path] = upload.partial
            upload.partial = Partial(modified: upload.partial.modified)
        } else {
            upload.partial.bytes = Array(upload.partial.bytes.prefix(kept))
        }
        upload.isEarlier = false
        open[slot] = upload
        return .done
    }

    private mutating func write(
        _ slot: UploadSlot, _ offset: Int64, _ count: Int, _ input: Span<UInt8>, _ pieces: [Range<Int>]
    ) -> StoreAnswer {
        let data = pieces.flatMap { piece in piece.map { input[$0] } }
        guard data.count == count, var upload = open[slot] else {
            return .failed(StoreError(.other, "lost"))
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
        partials[upload.path] = upload.partial
    }

    private mutating func finish(_ order: FinishOrder) -> StoreAnswer {
        guard var upload = open[order.slot], upload.partial.bytes.count == order.size else {
            return .failed(StoreError(.other, "not that long"))
        }
        open[order.slot] = nil
        upload.partial.modified = order.modified
        upload.partial.known = upload.partial.bytes.count
        upload.partial.isWhole = true
        place(upload.partial, order.path.text)
        return .done
    }

    /// Delivers a whole upload, or keeps what waits for its final name.
    private mutating func place(_ partial: Partial, _ path: String) {
        if !partial.isWhole || isTemporary(path) {
            partials[path] = partial
        } else {
            partials[path] = nil
            releases.append(Release(path: path, bytes: partial.bytes, modified: partial.modified))
        }
    }
}
