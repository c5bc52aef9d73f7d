// The drop box: one SFTP session as a state machine. Bytes go in as a span, steps come out, replies gather
// in a buffer. It does no I/O, keeps no clock and copies no file data: data stays in the input, and the
// machine hands out where it lies.

/// A caller repeats `next` until it says `.read`; after `.perform` it calls `answer` first.
package struct DropBox: Sendable {
    package struct Settings: Sendable {
        package var account: String
        /// The largest upload in bytes; nil is no limit.
        package var maxFile: Int64?
        /// fnmatch(3) patterns for the last component of a name that is not final.
        package var provisional: [String]

        package init(account: String, maxFile: Int64?, provisional: [String]) {
            self.account = account
            self.maxFile = maxFile
            self.provisional = provisional
        }
    }

    enum Phase: Equatable {
        case greeting, open, ended
    }

    /// A request to the store, and what to make of its answer.
    struct Pending: Equatable {
        var request: StoreRequest
        var purpose: Purpose
    }

    let settings: Settings
    var phase = Phase.greeting
    /// Every request is answered by FAILURE and this text: there is no daemon to take anything.
    var refusal: String?
    package internal(set) var closing = Closing.no
    var handles = HandleTable()
    /// Paths of whole uploads that were not taken, and why. They answer STAT by that: some clients (paramiko)
    /// overlook the failure of CLOSE and believe the size that STAT gives.
    var failedCloses: [VirtualPath: String] = [:]
    var reply = ReplyWriter()
    var pending: Pending?
    var reports: [RefusedRequest] = []
    /// Bytes of the input that are done with.
    var consumed = 0

    // Writes that follow one another are gathered and become one request.
    /// Where the data of the write at hand lies in the input.
    package internal(set) var pieces: [Range<Int>] = []
    var waiting: [UInt32] = []
    var gatherSlot = 0
    var gather: Range<Int64> = 0..<0

    package init(settings: Settings) {
        self.settings = settings
        pieces.reserveCapacity(WireLimit.gather)
        waiting.reserveCapacity(WireLimit.gather)
    }

    /// Replies to send.
    package var output: [UInt8] { reply.bytes }

    package mutating func outputSent(_ count: Int) {
        reply.removeFirst(count)
    }

    /// Bytes of an open upload that have arrived without a gap; nil when the slot holds no upload.
    package func arrived(_ slot: UploadSlot) -> Int64? {
        handles.upload(slot)?.extents.prefix
    }

    /// How many bytes to take off the front of the input, since the last call.
    package mutating func takeConsumed() -> Int {
        defer { consumed = 0 }
        return consumed
    }

    /// - Parameter input: what has been read and not been taken off; it begins with a packet.
    package mutating func next(_ input: Span<UInt8>) -> DropBoxStep {
        while true {
            if let pending { return .perform(pending.request) }
            if !reports.isEmpty { return .report(reports.removeFirst()) }
            if phase == .ended { return .end }
            if reply.bytes.count > WireLimit.output { return .send }
            do throws(MalformedPacket) {
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

    /// From now on nothing is taken; each request is answered with `message`, and the channel closes soon.
    package mutating func refuseAll(_ message: String) {
        refusal = message
        closing = .soon
    }

    /// The input has ended, or the session must: what the store has to do with each open upload. No answers.
    package mutating func abandon(_ message: String) -> [StoreRequest] {
        phase = .ended
        pending = nil
        let requests = handles.uploads.compactMap { slot, upload in
            upload.isStored ? upload.unfinished(slot, message) : nil
        }
        handles = HandleTable()
        return requests
    }

    private mutating func take(_ frame: Frame, _ input: Span<UInt8>) throws(MalformedPacket) {
        if phase == .greeting {
            guard frame.type == PacketType.initialise.rawValue else {
                throw MalformedPacket("the first packet is not INIT")
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
            throw MalformedPacket("a second INIT")
        }
        let request = try Request(frame.type, frame.fields, input)
        consumed = frame.end
        if closing == .whenIdle { closing = .no }
        if let refusal {
            reply.status(frame.id, .failure, refusal)
        } else {
            handle(frame.id, request)
        }
    }

    private mutating func endMalformed(_ error: MalformedPacket) {
        report(.malformed, "packet", [], error.description)
        phase = .ended
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
    init?(_ input: Span<UInt8>, from start: Int) throws(MalformedPacket) {
        guard input.count - start >= 4 else { return nil }
        let length = Int(FieldCursor.uint32(input, at: start))
        // Every packet has a type and four more bytes: an id, or INIT's version.
        guard length >= 5, length <= WireLimit.packet else {
            throw MalformedPacket("a packet of \(length) bytes")
        }
        guard input.count - start - 4 >= length else { return nil }
        type = input[start + 4]
        id = type == PacketType.initialise.rawValue ? 0 : FieldCursor.uint32(input, at: start + 5)
        fields = start + 9..<start + 4 + length
    }
}

extension Upload {
    /// The request that ends an upload which is not whole.
    func unfinished(_ slot: Int, _ message: String) -> StoreRequest {
        if reopened && !touched { return .discard(slot) }
        return .keep(
            KeepOrder(slot: slot, path: path, extents: extents, modified: modified, message: message))
    }
}
