// The drop box: one SFTP session as a state machine. Bytes go in as a span, steps come out, replies gather
// in a buffer. It does no I/O, keeps no clock and copies no file data: data stays in the input, and the
// machine hands out where it lies.

package struct DropBox: ServedSession {
    package typealias Order = StoreRequest

    package struct Settings: Sendable {
        package var account: String
        /// The largest upload in bytes; nil is no limit.
        package var maxFile: Int64?

        package init(account: String, maxFile: Int64?) {
            self.account = account
            self.maxFile = maxFile
        }
    }

    /// A request to the store, and what to make of its answer.
    struct Pending: Equatable {
        var request: StoreRequest
        var purpose: Purpose
    }

    let settings: Settings
    var phase = SessionPhase.greeting
    /// Every request is answered by FAILURE and this text: there is no daemon to take anything.
    package internal(set) var refusal: String?
    package internal(set) var closing = Closing.no
    var handles = HandleTable()
    /// Paths of whole uploads that were not taken, and why. To STAT they are absent, with that reason: some clients (paramiko)
    /// overlook the failure of CLOSE and believe the size that STAT gives, others (sshj) ask by STAT before they send again, and
    /// give up at any other answer.
    var failedCloses: [VirtualPath: String] = [:]
    /// Sizes that this client was told by STAT: where one is still right, it knows what it goes on with.
    var toldSizes: [VirtualPath: Int64] = [:]
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
    package mutating func next(_ input: Span<UInt8>) -> SessionStep<StoreRequest> { step(input) }

    var account: String { settings.account }
    var asked: StoreRequest? { pending?.request }
    static let kind = "drop box"
    static let outputLimit = WireLimit.output
    static let room = PathRoom.none

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
}

extension Upload {
    /// The request that ends an upload which is not whole.
    func unfinished(_ slot: Int, _ message: String) -> StoreRequest {
        switch start {
        case .decided:
            .keep(KeepOrder(slot: slot, path: path, extents: extents, modified: modified, message: message))
        case .partial: .putBack(slot)
        case .delivered: .discard(slot)
        }
    }
}
