// Carries out what a collection asks: reads released files and receipts, and asks the daemon which of them may be
// read now. It opens what the daemon names and nothing else, and writes nothing.
import Admission
import Glibc
import SFTPWire
import Staging

/// Not for several threads.
final class CollectStore: SessionHost {
    let link: LinkClient
    private let ready: Directory
    private let receipts: Directory
    private var files: [UploadSlot: OpenFile] = [:]
    private var catalog = CollectCatalog()
    private var asked: ContinuousClock.Instant?

    /// How long a listing answers for the directories below it, while a client walks the tree.
    private static let freshness = Duration.seconds(1)

    /// - Parameter staging: the staging directory.
    init(staging: String, link: LinkClient) throws(StagingError) {
        let root = try Directory(path: staging)
        ready = try root.subdirectory("ready")
        receipts = try root.subdirectory("receipts")
        self.link = link
    }

    func perform(_ order: CollectOrder, for machine: inout DropCollection, _ input: UnsafeRawBufferPointer) {
        if case .read(let slot, let offset, _) = order, let file = files[slot] {
            machine.answer(reading: { Self.read(file, offset, $0) })
        } else {
            machine.answer(answer(order))
        }
    }

    private static func read(
        _ file: OpenFile, _ offset: Int64, _ buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        while true {
            let count = pread(file.descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 || errno != EINTR { return count }
        }
    }

    private func answer(_ order: CollectOrder) -> StoreAnswer {
        do {
            switch order {
            case .stat(let path): return .node(try node(path))
            case .list(let path): return try list(path)
            case .open(let slot, let path): return try open(slot, path)
            case .read: return .failed(StoreFailure(.other, "READ: there is no such open file"))
            case .close(let slot):
                files[slot] = nil
                return .done
            case .acknowledge(let path): return try acknowledge(path)
            }
        } catch let failure as StoreFailure {
            return .failed(failure)
        } catch let error as StagingError where error.code == .notFound {
            return .failed(StoreFailure(.absent, "it is not there any more: its consumer has taken it"))
        } catch is LinkError {
            return .failed(StoreFailure(.gone, SessionText.gone))
        } catch {
            return .failed(
                StoreFailure(.other, "the gate could not do it; ask its owner to run dropgate doctor"))
        }
    }

    // MARK: The daemon's word

    private func ask(_ question: LinkCollect) throws -> LinkPage {
        let page = try link.collect(question)
        guard page.ok else { throw StoreFailure(.denied, page.message ?? "nothing may be read here") }
        return page
    }

    private func mayRead(_ drop: String) throws -> Bool {
        try ask(LinkCollect(drop: drop)).drops.contains { $0.id == drop }
    }

    private func refresh(ifOlderThan age: Duration = .zero) throws {
        if let asked, asked.duration(to: .now) < age { return }
        var fresh = CollectCatalog()
        var question = LinkCollect()
        repeat {
            let page = try ask(question)
            for drop in page.drops { fresh.add(drop) }
            question.before = page.next
        } while question.before != nil
        catalog = fresh
        asked = .now
    }

    // MARK: Names

    private var now: Int64 { Instant.now().microseconds / 1_000_000 }
    private var directory: Node { Node(kind: .directory, size: 0, modified: now) }

    private func node(_ path: VirtualPath) throws -> Node? {
        if path.isRoot || path == CollectCatalog.ready || path == CollectCatalog.receiptsDirectory {
            return directory
        }
        if path.isInside(CollectCatalog.ready) {
            if catalog.files[path] == nil { try refresh(ifOlderThan: Self.freshness) }
            if catalog.directories[path] != nil { return directory }
        }
        return try file(path).map { try node($0) }
    }

    private func node(_ file: OpenFile) throws(StagingError) -> Node {
        let status = try file.status()
        return Node(kind: .file, size: status.bytes, modified: status.modified)
    }

    private func list(_ path: VirtualPath) throws -> StoreAnswer {
        if path.isRoot {
            let names = [CollectCatalog.ready, CollectCatalog.receiptsDirectory]
            return .listing(
                names.map { DirectoryEntry(name: $0.bytes, node: directory) }, now: now)
        }
        if path == CollectCatalog.receiptsDirectory {
            try refresh()
            return .listing(
                try catalog.receipts.values.compactMap { receipt in
                    try entry(receipts.status(Self.text(receipt.name)), receipt.name)
                }, now: now)
        }
        try refresh(ifOlderThan: path == CollectCatalog.ready ? .zero : Self.freshness)
        guard let names = catalog.directories[path] else {
            throw StoreFailure(.absent, "\(path): no such directory")
        }
        let place = try? place(path)
        return .listing(
            try names.compactMap { name in
                try entry(place?.status(Self.text(name)), name)
            }, now: now)
    }

    /// nil for what is not there any more.
    private func entry(_ status: FileStatus?, _ name: some Swift.Collection<UInt8>) throws -> DirectoryEntry?
    {
        guard let status, status.isRegular || status.isDirectory else { return nil }
        return DirectoryEntry(
            name: Array(name),
            node: Node(
                kind: status.isDirectory ? .directory : .file, size: status.isDirectory ? 0 : status.bytes,
                modified: status.modified))
    }

    private static func text(_ name: some Swift.Collection<UInt8>) -> String {
        String(decoding: name, as: UTF8.self)
    }

    /// A directory under `ready/` by its path in the view.
    private func place(_ path: VirtualPath) throws(StagingError) -> Directory {
        try ready.subdirectory(path.text.split(separator: "/").dropFirst().map(String.init))
    }

    // MARK: Files

    /// The file under a path, if the daemon says that it may be read now.
    private func file(_ path: VirtualPath) throws -> OpenFile? {
        if let drop = CollectCatalog.drop(ofReceipt: path) {
            return try mayRead(drop) ? try receipts.openFile(Self.text(path.name)) : nil
        }
        guard path.isInside(CollectCatalog.ready), try isReadable(path) else { return nil }
        return try place(path.parent).openFile(Self.text(path.name))
    }

    /// Whether a drop lies there that may be read now. A name comes back with a later drop, so what is known of it
    /// may be old.
    private func isReadable(_ path: VirtualPath) throws -> Bool {
        let known = catalog.files[path]
        if try known?.contains(where: mayRead) == true { return true }
        try refresh(ifOlderThan: known == nil ? Self.freshness : .zero)
        return try catalog.files[path]?.contains(where: mayRead) == true
    }

    private func open(_ slot: UploadSlot, _ path: VirtualPath) throws -> StoreAnswer {
        guard let file = try file(path) else {
            throw StoreFailure(.absent, "\(path): no such file, or it was collected already")
        }
        let node = try node(file)
        files[slot] = file
        return .opened(OpenedUpload(size: node.size, modified: node.modified, now: now))
    }

    private func acknowledge(_ path: VirtualPath) throws -> StoreAnswer {
        guard let drop = CollectCatalog.drop(ofReceipt: path),
            try !ask(LinkCollect(drop: drop, acknowledges: true)).drops.isEmpty
        else { throw StoreFailure(.absent, "\(path): no such receipt, or its drop was collected already") }
        return .done
    }
}
