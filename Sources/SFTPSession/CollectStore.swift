// Carries out what a collection asks: reads released files and receipts, and asks the daemon which of them may be
// read now. It opens what the daemon names and nothing else, and writes nothing.
import Admission
import Glibc
import SFTPWire
import Staging

/// Not for several threads.
final class CollectStore: SessionHost {
    let link: SessionIPCClient
    private let ready: Directory
    private let receipts: Directory
    private var files: [UploadSlot: Opened] = [:]
    private var catalog = CollectCatalog()
    /// That whose receipts were asked for last: who asks for one mostly asks for the others, too.
    private var lastBatch: BatchReceipts?
    /// Where the drops lay whose receipts this session has opened.
    private var shown: [String: String] = [:]
    private var asked: ContinuousClock.Instant?

    /// How long the daemon's word holds: of a listing for the directories below it, while a client walks the tree,
    /// and of a drop for an open file.
    private let freshness: Duration

    private enum Content {
        case file(OpenFile)
        /// One receipt out of a file of several.
        case bytes([UInt8], modified: Int64)
    }

    private struct Opened {
        let content: Content
        /// Whose file it is; as long as one of them may be read, it may.
        var drops: [String]
        /// Of a receipt: where its drop lies.
        var readyPath: String?
        var asked: ContinuousClock.Instant
        /// This session collected it, or it is what became of it: may be read to its end.
        var isCollected = false
        /// Nothing more of it may be read.
        var end: StoreError?
    }

    /// - Parameters:
    ///   - staging: the staging directory.
    ///   - freshness: how long the daemon's word holds.
    init(staging: String, link: SessionIPCClient, freshness: Duration = .seconds(1)) throws(StagingError) {
        let root = try Directory(path: staging)
        ready = try root.subdirectory(StagingLayout.ready)
        receipts = try root.subdirectory(StagingLayout.receipts)
        self.link = link
        self.freshness = freshness
    }

    func perform(_ order: CollectOrder, for machine: inout DropCollection, _ input: UnsafeRawBufferPointer) {
        if case .read(let slot, let offset, _) = order, let opened = files[slot], mayGoOn(slot) {
            machine.answer(reading: { Self.read(opened.content, offset, $0) })
        } else {
            machine.answer(answer(order))
        }
    }

    /// Whether an open file may be read still. Account, source and drop may have changed since it was opened.
    private func mayGoOn(_ slot: UploadSlot) -> Bool {
        guard var opened = files[slot], opened.end == nil else { return false }
        if opened.asked.duration(to: .now) < freshness { return true }
        do {
            // The question says also whether the account may read anything.
            while let drop = opened.drops.first, try !mayRead(drop), !opened.isCollected {
                opened.drops.removeFirst()
            }
            if opened.drops.isEmpty {
                opened.end = StoreError(
                    .denied, "its drop was collected or withdrawn; nothing more of it is read")
            }
        } catch {
            opened.end = Self.failure(error)
        }
        opened.asked = .now
        files[slot] = opened
        return opened.end == nil
    }

    private static func read(
        _ content: Content, _ offset: Int64, _ buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        switch content {
        case .file(let file): return (try? file.read(into: buffer, at: offset)) ?? -1
        case .bytes(let bytes, _):
            guard offset >= 0, offset < Int64(bytes.count) else { return 0 }
            let piece = bytes[Int(offset)...].prefix(buffer.count)
            buffer.copyBytes(from: piece)
            return piece.count
        }
    }

    private func answer(_ order: CollectOrder) -> StoreAnswer {
        do {
            switch order {
            case .stat(let path): return .node(try node(path))
            case .list(let path, let after): return try list(path, after: after)
            case .open(let slot, let path): return try open(slot, path)
            case .read(let slot, _, _):
                throw files[slot]?.end ?? StoreError(.other, "READ: there is no such open file")
            case .close(let slot):
                files[slot] = nil
                return .done
            case .acknowledge(let path): return try acknowledge(path)
            }
        } catch {
            return .failed(Self.failure(error))
        }
    }

    private static func failure(_ error: any Error) -> StoreError {
        switch error {
        case let failure as StoreError: failure
        case let error as StagingError where error.code == .notFound:
            StoreError(.absent, "it is not there any more: its consumer has taken it")
        case is SessionIPCError: StoreError(.gone, SessionText.gone)
        default: StoreError(.other, "the gate could not do it; ask its owner to run dropgate doctor")
        }
    }

    // MARK: The daemon's word

    private func ask(_ question: CollectQuestion) throws -> CollectPage {
        let page = try link.collect(question)
        guard page.ok else { throw StoreError(.denied, page.message ?? "nothing may be read here") }
        return page
    }

    /// - Parameter path: where its file is to lie; its sender may have renamed it, and sent another one of the name.
    private func mayRead(_ drop: String, at path: VirtualPath? = nil) throws -> Bool {
        try ask(CollectQuestion(drop: drop)).drops.contains { $0.id == drop && Self.lies($0, at: path) }
    }

    private static func lies(_ drop: CollectPage.Drop, at path: VirtualPath?) -> Bool {
        path.map { $0.bytes.elementsEqual(StagingLayout.released(drop.path).utf8) } ?? true
    }

    private func refresh(ifOlderThan age: Duration = .zero) throws {
        if let asked, asked.duration(to: .now) < age { return }
        var fresh = CollectCatalog()
        var question = CollectQuestion()
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
            if catalog.files[path] == nil { try refresh(ifOlderThan: freshness) }
            if catalog.directories[path] != nil { return directory }
        }
        return try file(path).map { try node($0.content) }
    }

    private func node(_ content: Content) throws(StagingError) -> Node {
        switch content {
        case .file(let file):
            let status = try file.status()
            return Node(kind: .file, size: status.bytes, modified: status.modified)
        case .bytes(let bytes, let modified):
            return Node(kind: .file, size: Int64(bytes.count), modified: modified)
        }
    }

    /// Names of one answer.
    private static let pageNames = 100

    private func list(_ path: VirtualPath, after name: [UInt8]?) throws -> StoreAnswer {
        if path.isRoot {
            let names = [CollectCatalog.ready, CollectCatalog.receiptsDirectory]
            return .listing(
                names.map { DirectoryEntry(name: $0.bytes, node: directory) }, hasMore: false, now: now)
        }
        // The pages of one listing are of one moment.
        if name == nil {
            let isFresh = path == CollectCatalog.ready || path == CollectCatalog.receiptsDirectory
            try refresh(ifOlderThan: isFresh ? .zero : freshness)
        }
        let place = try? place(path)
        var last = name
        while true {
            guard let names = catalog.names(in: path, after: last, limit: Self.pageNames) else {
                throw StoreError(.absent, "\(path): no such directory")
            }
            let found = try names.compactMap { name in
                try path == CollectCatalog.receiptsDirectory
                    ? receiptEntry(name) : entry(place?.status(Self.text(name)), name)
            }
            let hasMore = names.count == Self.pageNames
            if !found.isEmpty || !hasMore { return .listing(found, hasMore: hasMore, now: now) }
            last = names.last
        }
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

    private func receiptEntry(_ name: [UInt8]) throws -> DirectoryEntry? {
        guard let drop = CollectCatalog.drop(ofReceiptName: Self.text(name)), let path = catalog.paths[drop]
        else { return nil }
        guard BatchName(ofReady: path) != nil else {
            return try entry(receipts.status(Self.text(name)), name)
        }
        // What cannot be read hides its own drops, and not the directory.
        guard let receipt = try? receipt(of: drop, at: path) else { return nil }
        return DirectoryEntry(name: name, node: try node(receipt))
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
    private func file(_ path: VirtualPath) throws -> Opened? {
        if let drop = CollectCatalog.drop(ofReceipt: path) {
            guard let known = try ask(CollectQuestion(drop: drop)).drops.first(where: { $0.id == drop }),
                let receipt = try receipt(of: drop, at: known.path)
            else { return nil }
            return Opened(content: receipt, drops: [drop], readyPath: known.path, asked: .now)
        }
        if let drop = CollectCatalog.drop(ofStanding: path) {
            return try ask(CollectQuestion(drop: drop, asksStanding: true)).standing.map {
                // Most are asked for because nothing else of their drop may be read any more.
                Opened(
                    content: .bytes(Array($0.utf8), modified: now), drops: [drop], asked: .now,
                    isCollected: true)
            }
        }
        guard path.isInside(CollectCatalog.ready) else { return nil }
        let drops = try readable(path)
        guard !drops.isEmpty else { return nil }
        return Opened(
            content: .file(try place(path.parent).openFile(Self.text(path.name))), drops: Array(drops),
            asked: .now)
    }

    /// nil where there is none.
    /// - Parameter readyPath: where the drop was released to.
    private func receipt(of drop: String, at readyPath: String) throws -> Content? {
        guard let batch = BatchName(ofReady: readyPath) else {
            let name = StagingLayout.receipt(drop)
            return try receipts.status(name) == nil ? nil : .file(receipts.openFile(name))
        }
        if lastBatch?.name != batch { lastBatch = try BatchReceipts(batch, in: receipts) }
        guard let lastBatch, let bytes = lastBatch.bytes(of: drop) else { return nil }
        return .bytes(bytes, modified: lastBatch.modified)
    }

    /// The drops that lie there, the first of which may be read now. A name comes back with a later drop, so what is
    /// known of it may be old.
    private func readable(_ path: VirtualPath) throws -> ArraySlice<String> {
        let known = catalog.files[path]
        let drops = try (known ?? []).drop { try !mayRead($0, at: path) }
        guard drops.isEmpty else { return drops }
        try refresh(ifOlderThan: known == nil ? freshness : .zero)
        return try (catalog.files[path] ?? []).drop { try !mayRead($0, at: path) }
    }

    private func open(_ slot: UploadSlot, _ path: VirtualPath) throws -> StoreAnswer {
        let absent = StoreError(.absent, "\(path): no such file, or it was collected already")
        guard let opened = try file(path) else { throw absent }
        let node = try node(opened.content)
        if path.isInside(CollectCatalog.ready), let drop = opened.drops.first {
            // The ledger has it before the client does. Where it lies still, it lay when it was opened.
            let page = try ask(CollectQuestion(drop: drop, opens: true))
            guard page.drops.contains(where: { Self.lies($0, at: path) }) else { throw absent }
        }
        if let drop = CollectCatalog.drop(ofReceipt: path) { shown[drop] = opened.readyPath }
        files[slot] = opened
        return .opened(OpenedUpload(size: node.size, modified: node.modified, now: now))
    }

    private func acknowledge(_ path: VirtualPath) throws -> StoreAnswer {
        guard let drop = CollectCatalog.drop(ofReceipt: path), try !hasMoved(drop),
            try !ask(CollectQuestion(drop: drop, acknowledges: true)).drops.isEmpty
        else { throw StoreError(.absent, "\(path): no such receipt, or its drop was collected already") }
        for (slot, opened) in files where opened.drops.contains(drop) { files[slot]?.isCollected = true }
        shown[drop] = nil
        return .done
    }

    /// Whether a drop has another name since this session has read its receipt: what it would acknowledge it does not know.
    private func hasMoved(_ drop: String) throws -> Bool {
        guard let path = shown[drop], let known = try ask(CollectQuestion(drop: drop)).drops.first else {
            return false
        }
        return !known.path.utf8.elementsEqual(path.utf8)
    }
}
