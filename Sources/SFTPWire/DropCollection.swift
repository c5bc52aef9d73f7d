// The collection: one SFTP session of a collector as a state machine. Released drops can be listed, read and
// acknowledged, and nothing can be written. Which drops there are, whoever holds the files says.
//
//     /receipts/<drop id>.json   removing one says that its drop is collected
//     /ready/...                 the files that the receipts name

/// What the collection asks. Each order is answered before the next one comes.
package enum CollectOrder: Equatable, Sendable {
    /// Answered by `.node`.
    case stat(VirtualPath)
    /// Answered by `.listing`: the next entries in the order of their names. nil: from the start.
    case list(VirtualPath, after: [UInt8]?)
    /// Answered by `.opened`: a file for reading, under the slot from then on.
    case open(UploadSlot, VirtualPath)
    /// Answered by `DropCollection.answer(reading:)`.
    case read(UploadSlot, offset: Int64, count: Int)
    case close(UploadSlot)
    /// The drop of this receipt is collected.
    case acknowledge(VirtualPath)
}

package struct DropCollection: ServedSession {
    package typealias Order = CollectOrder

    struct Pending: Equatable {
        var id: UInt32
        var order: CollectOrder
        /// The open directory that the names are for.
        var slot: Int?
    }

    let account: String
    var phase = SessionPhase.greeting
    package internal(set) var refusal: String?
    package internal(set) var closing = Closing.no
    var handles = HandleTable()
    var reply = ReplyWriter()
    var reports: [RefusedRequest] = []
    var consumed = 0
    var pending: Pending?

    static let kind = "collection"
    static let outputLimit = WireLimit.readOutput
    /// What stands before a sender's path: the directory, the channel, the account.
    static let room = PathRoom(bytes: 64, depth: 3)

    package init(account: String) { self.account = account }

    package mutating func next(_ input: Span<UInt8>) -> SessionStep<CollectOrder> { step(input) }
    package var output: [UInt8] { reply.bytes }
    package mutating func outputSent(_ count: Int) { reply.removeFirst(count) }

    package mutating func takeConsumed() -> Int {
        defer { consumed = 0 }
        return consumed
    }

    package mutating func refuseAll(_ message: String) {
        refusal = message
        closing = .soon
    }

    package mutating func abandon(_ message: String) -> [CollectOrder] {
        phase = .ended
        pending = nil
        defer { handles = HandleTable() }
        return handles.readings.map { .close($0) }
    }

    var asked: CollectOrder? { pending?.order }
    mutating func flush() -> Bool { false }

    // MARK: Requests

    mutating func takeWrite(_ frame: Frame, _ write: WriteRequest) {
        consumed = frame.end
        if let refusal { return reply.status(frame.id, .failure, refusal) }
        forbid(frame.id, "WRITE", [], noWriting)
    }

    mutating func handle(_ id: UInt32, _ request: Request) {
        switch request {
        case .open(let path, let flags, _): open(id, path, flags)
        case .close(let handle): close(id, handle)
        case .read(let read): self.read(id, read)
        case .stat(let path): stat(id, "STAT", path)
        case .lstat(let path): stat(id, "LSTAT", path)
        case .fstat(let handle): fstat(id, handle)
        case .opendir(let path):
            guard let path = resolve(id, "OPENDIR", path) else { return }
            if handles.isFull {
                tooManyHandles(id, "OPENDIR", path.absolute)
            } else {
                ask(id, .list(path, after: nil))
            }
        case .readdir(let handle): readdir(id, handle)
        case .realpath(let path): realpath(id, path)
        case .remove(let path): remove(id, path)
        case .limits: reply.limits(id)
        case .write: break
        case .setstat(let path, _): forbid(id, "SETSTAT", path, noWriting)
        case .fsetstat: forbid(id, "FSETSTAT", [], noWriting)
        case .mkdir(let path): forbid(id, "MKDIR", path, noWriting)
        case .rmdir(let path): forbid(id, "RMDIR", path, noWriting)
        case .rename(let from, _): forbid(id, "RENAME", from, noWriting)
        case .posixRename(let from, _): forbid(id, Extension.posixRename, from, noWriting)
        case .fsync: forbid(id, "fsync", [], noWriting)
        case .readlink(let path): forbid(id, "READLINK", path, noWriting)
        case .symlink(let first, _): forbid(id, "SYMLINK", first, noWriting)
        case .hardlink(_, let to): forbid(id, Extension.hardlink, to, noWriting)
        case .unsupported(let name): reply.status(id, .unsupported, "this \(Self.kind) has no \(name)")
        }
    }

    private var noWriting: String {
        "this account collects: it can read what was released and remove receipts, nothing else"
    }

    private mutating func ask(_ id: UInt32, _ order: CollectOrder) {
        pending = Pending(id: id, order: order)
    }

    mutating func fetchNames(_ id: UInt32, _ slot: Int, _ path: VirtualPath, after name: [UInt8]) {
        pending = Pending(id: id, order: .list(path, after: name), slot: slot)
    }

    private mutating func stat(_ id: UInt32, _ operation: String, _ sent: [UInt8]) {
        if let path = resolve(id, operation, sent) { ask(id, .stat(path)) }
    }

    private mutating func open(_ id: UInt32, _ sent: [UInt8], _ flags: OpenFlags) {
        guard flags == .read else { return forbid(id, "OPEN", sent, noWriting) }
        guard let path = resolve(id, "OPEN", sent) else { return }
        if handles.isFull {
            tooManyHandles(id, "OPEN", sent)
        } else {
            ask(id, .open(handles.freeSlot, path))
        }
    }

    private mutating func read(_ id: UInt32, _ request: ReadRequest) {
        guard let slot = slot(id, "READ", request.handle) else { return }
        guard handles.reading(slot) != nil else {
            return reply.status(id, .failure, "READ: the handle is not a file's")
        }
        guard let offset = Int64(exactly: request.offset) else {
            return reply.status(id, .endOfFile, "end of the file")
        }
        ask(id, .read(slot, offset: offset, count: min(Int(request.length), WireLimit.advertisedPacket)))
    }

    private mutating func close(_ id: UInt32, _ handle: HandleID?) {
        guard let slot = slot(id, "CLOSE", handle) else { return }
        if handles.reading(slot) != nil { return ask(id, .close(slot)) }
        handles.remove(slot)
        reply.ok(id)
    }

    private mutating func remove(_ id: UInt32, _ sent: [UInt8]) {
        guard let path = resolve(id, "REMOVE", sent) else { return }
        guard path.parent.bytes.elementsEqual("receipts".utf8) else {
            return forbid(id, "REMOVE", sent, noWriting)
        }
        ask(id, .acknowledge(path))
    }

    // MARK: Answers

    package mutating func answer(_ answer: StoreAnswer) {
        guard let pending else { return }
        self.pending = nil
        let id = pending.id
        let failure = failure(of: answer)
        switch pending.order {
        case .stat(let path): found(id, path, answer, failure) { $0.attributes(id, $1) }
        case .list(let path, _):
            guard case .listing(let entries, let hasMore, let now) = answer else {
                return status(id, failure ?? StoreError(.other, "\(path): cannot be listed"))
            }
            if let slot = pending.slot {
                fetched(id, slot, entries, hasMore: hasMore, nil)
            } else {
                openListing(id, path, entries, hasMore: hasMore, now: now)
            }
        case .open(_, let path):
            guard case .opened(let opened) = answer else {
                return status(id, failure ?? StoreError(.other, "\(path): cannot be opened"))
            }
            let node = Node(kind: .file, size: opened.size, modified: opened.modified ?? opened.now)
            reply.handle(id, handles.insert(.reading(node)))
        case .close(let slot):
            handles.remove(slot)
            status(id, failure)
        case .read, .acknowledge: status(id, failure)
        }
    }

    /// The answer to `.read`: `fill` puts the bytes in place and says how many; 0 is the end of the file, -1 a
    /// failure.
    package mutating func answer(reading fill: (UnsafeMutableRawBufferPointer) -> Int) {
        guard let pending, case .read(_, _, let count) = pending.order else { return }
        self.pending = nil
        let filled = reply.data(pending.id, count, fill)
        if filled == 0 { reply.status(pending.id, .endOfFile, "end of the file") }
        if filled < 0 { reply.status(pending.id, .failure, "the file cannot be read now; try again later") }
    }
}
