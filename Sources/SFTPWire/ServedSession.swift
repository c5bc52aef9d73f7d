// What both kinds of session do alike: framing, the greeting, handles, listings and refusals. What is allowed,
// each of them decides by itself.

enum SessionPhase: Equatable {
    case greeting, open, ended
}

protocol ServedSession: SessionMachine {
    var phase: SessionPhase { get set }
    /// Every request but that for limits is answered by FAILURE and this text.
    var refusal: String? { get set }
    var closing: Closing { get set }
    var handles: HandleTable { get set }
    var reply: ReplyWriter { get set }
    var reports: [RefusedRequest] { get set }
    /// Bytes of the input that are done with.
    var consumed: Int { get set }
    var account: String { get }
    /// What a client is told that it is connected to: "drop box".
    static var kind: String { get }
    /// Unsent reply bytes after which no more requests are handled.
    static var outputLimit: Int { get }
    static var room: PathRoom { get }
    /// The order that waits for its answer.
    var asked: Order? { get }
    /// Asks for the names of a directory that follow `name`, for a listing that is open in this slot.
    mutating func fetchNames(_ id: UInt32, _ slot: Int, _ path: VirtualPath, after name: [UInt8])

    /// Every request but WRITE.
    mutating func handle(_ id: UInt32, _ request: Request)
    /// Leaves the packet where it is when something else must be done before it; it comes again then.
    mutating func takeWrite(_ frame: Frame, _ write: WriteRequest)
    /// Turns what was gathered into an order; false when there is nothing.
    mutating func flush() -> Bool
}

extension ServedSession {
    mutating func step(_ input: Span<UInt8>) -> SessionStep<Order> {
        while true {
            if let asked { return .perform(asked) }
            if !reports.isEmpty { return .report(reports.removeFirst()) }
            if phase == .ended { return .end }
            if reply.bytes.count > Self.outputLimit { return .send }
            do throws(PacketError) {
                if let frame = try Frame(input, from: consumed) {
                    try take(frame, input)
                } else if !flush() {
                    return .read
                }
            } catch {
                // What came before the damage is still written.
                if !flush() { endMalformed(error) }
            }
        }
    }

    private mutating func take(_ frame: Frame, _ input: Span<UInt8>) throws(PacketError) {
        if phase == .greeting {
            guard frame.type == PacketType.initialise.rawValue else {
                throw PacketError("the first packet is not INIT")
            }
            // Version 3 is the answer to every version that a client may ask for, draft section 4.
            reply.version()
            phase = .open
            consumed = frame.end
            return
        }
        if frame.type == PacketType.write.rawValue {
            let request = try Request(frame.type, frame.fields, input)
            if case .write(let write) = request { takeWrite(frame, write) }
            return
        }
        if flush() { return }
        guard frame.type != PacketType.initialise.rawValue else {
            throw PacketError("a second INIT")
        }
        let request = try Request(frame.type, frame.fields, input)
        consumed = frame.end
        if closing == .whenIdle { closing = .no }
        // A client that asks for limits does so before anything else, and OpenSSH 10 tells nobody why they were refused.
        if let refusal, request != .limits {
            reply.status(frame.id, .failure, refusal)
        } else {
            handle(frame.id, request)
        }
    }

    private mutating func endMalformed(_ error: PacketError) {
        report(.malformed, "packet", [], error.description)
        phase = .ended
    }

    // MARK: Refusing

    mutating func report(
        _ reason: RefusedRequest.Reason, _ operation: String, _ path: [UInt8], _ message: String
    ) {
        reports.append(
            RefusedRequest(reason: reason, operation: operation, path: printable(path), message: message))
    }

    mutating func forbid(_ id: UInt32, _ operation: String, _ path: [UInt8], _ message: String) {
        reply.status(id, .permissionDenied, message)
        report(.forbiddenOperation, operation, path, message)
    }

    mutating func resolve(_ id: UInt32, _ operation: String, _ sent: [UInt8]) -> VirtualPath? {
        do throws(PathError) {
            return try VirtualPath(sent: sent, room: Self.room)
        } catch {
            reply.status(id, .failure, error.description)
            report(.badPath, operation, sent, error.description)
            return nil
        }
    }

    /// A handle that is open; answers the request itself when there is none.
    mutating func slot(_ id: UInt32, _ operation: String, _ handle: HandleID?) -> Int? {
        guard let slot = handles.slot(of: handle) else {
            reply.status(id, .failure, "\(operation): there is no such open handle")
            return nil
        }
        return slot
    }

    mutating func tooManyHandles(_ id: UInt32, _ operation: String, _ path: [UInt8]) {
        let text = "\(WireLimit.openHandles) files and directories are open; close some first"
        reply.status(id, .failure, text)
        report(.connectionLimit, operation, path, text)
    }

    // MARK: Looking

    mutating func realpath(_ id: UInt32, _ sent: [UInt8]) {
        if let path = resolve(id, "REALPATH", sent) { reply.path(id, path) }
    }

    mutating func fstat(_ id: UInt32, _ handle: HandleID?) {
        guard let slot = slot(id, "FSTAT", handle), let node = handles.node(slot) else { return }
        handles.withUpload(slot) { $0.toldSize = true }
        reply.attributes(id, node)
    }

    mutating func readdir(_ id: UInt32, _ handle: HandleID?) {
        guard let slot = slot(id, "READDIR", handle) else { return }
        guard let listing = handles.listing(slot) else {
            return reply.status(id, .failure, "READDIR: the handle is not a directory's")
        }
        if listing.entries.isEmpty, listing.hasMore, let last = listing.last {
            fetchNames(id, slot, listing.path, after: last)
        } else {
            sendNames(id, slot)
        }
    }

    private mutating func sendNames(_ id: UInt32, _ slot: Int) {
        var reply = reply
        self.reply = ReplyWriter()
        let account = account
        let isAny = handles.withListing(slot) { listing -> Bool in
            guard !listing.entries.isEmpty else { return false }
            listing.entries.removeFirst(
                reply.names(id, listing.entries, account: account, now: listing.now))
            return true
        }
        self.reply = reply
        if isAny != true { self.reply.status(id, .endOfFile, "end of the directory") }
    }

    /// The names that `fetchNames` asked for.
    mutating func fetched(
        _ id: UInt32, _ slot: Int, _ found: [DirectoryEntry], hasMore: Bool, _ failure: StoreError?
    ) {
        if let failure { return status(id, failure) }
        _ = handles.withListing(slot) { listing in
            listing.entries = found[...]
            listing.last = found.last?.name ?? listing.last
            listing.hasMore = hasMore && !found.isEmpty
        }
        sendNames(id, slot)
    }

    // MARK: Answering

    /// Why an order failed, after what follows from it for the session.
    mutating func failure(of answer: StoreAnswer) -> StoreError? {
        guard case .failed(let reason) = answer else { return nil }
        switch reason.code {
        case .full: closing = .soon
        case .gone: refuseAll(reason.message)
        case .absent, .exists, .denied, .other: break
        }
        return reason
    }

    mutating func status(_ id: UInt32, _ failure: StoreError?) {
        if let failure {
            reply.status(id, failure.status, failure.message)
        } else {
            reply.ok(id)
        }
    }

    mutating func found(
        _ id: UInt32, _ path: VirtualPath, _ answer: StoreAnswer, _ failure: StoreError?,
        _ reply: (inout ReplyWriter, Node) -> Void
    ) {
        switch answer {
        case .node(let node?): reply(&self.reply, node)
        default: status(id, failure ?? StoreError(.absent, "\(path): no such file or directory"))
        }
    }

    /// Opens a directory whose first names are these.
    mutating func openListing(
        _ id: UInt32, _ path: VirtualPath, _ found: [DirectoryEntry], hasMore: Bool, now: Int64
    ) {
        let directory = Node(kind: .directory, size: 0, modified: now)
        let dots = [".", ".."].map { DirectoryEntry(name: Array($0.utf8), node: directory) }
        let listing = Listing(
            path: path, entries: (dots + found)[...], last: found.last?.name,
            hasMore: hasMore && !found.isEmpty, directory: directory, now: now)
        reply.handle(id, handles.insert(.listing(listing)))
    }
}

/// One complete packet in the input.
struct Frame: Equatable {
    var type: UInt8
    /// 0 for INIT, which has none.
    var id: UInt32
    var fields: Range<Int>
    var end: Int { fields.upperBound }

    /// nil: the packet has not arrived completely.
    init?(_ input: Span<UInt8>, from start: Int) throws(PacketError) {
        guard input.count - start >= 4 else { return nil }
        let length = Int(FieldCursor.uint32(input, at: start))
        // Every packet has a type and four more bytes: an id, or INIT's version.
        guard length >= 5, length <= WireLimit.packet else {
            throw PacketError("a packet of \(length) bytes")
        }
        guard input.count - start - 4 >= length else { return nil }
        type = input[start + 4]
        id = type == PacketType.initialise.rawValue ? 0 : FieldCursor.uint32(input, at: start + 5)
        fields = start + 9..<start + 4 + length
    }
}
