// Bounds what the parser reads and throws away: extensions and trailers of chunks (RFC 9112, 7.1.1), so that a body could
// go on for ever without growing, and line ends before a request (2.2). And it slows down bodies in very small chunks, each
// of which costs the event loop as much as many bytes. Two handlers, around the decoder.
import NIOCore
import NIOHTTP1

/// In front of the decoder: counts what it is given.
final class RawByteCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Bytes since the last reset.
    private(set) var bytes = 0
    /// Reads so far.
    private(set) var reads = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reads += 1
        bytes += unwrapInboundIn(data).readableBytes
        context.fireChannelRead(data)
    }

    func reset() { bytes = 0 }
}

/// Behind the decoder: compares that with what came out of it, and refuses a request for which too much was lost.
final class ParserWaste: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Bytes of extensions and trailers that a body may have.
    static let most = 8 << 10
    /// Bytes of a chunk that are none of these: its length, padded to eight digits as some do, and two line ends.
    static let ofChunk = 12
    /// Chunks in one read that cost nothing, and how long the next read waits for each of more: some four times as long as
    /// they took, so that the loop has most of its time for others.
    static let freeChunks = 256
    static let pauseForChunk = TimeAmount.microseconds(4)
    /// Chunks of fewer bytes go on together with others of the same read.
    static let smallChunk = 1024
    /// Bytes between two requests, with the header of the second. The parser's own limits leave less to a header.
    static let mostBetween = 128 << 10

    private let raw: RawByteCounter
    /// In a chunked body: the read in which its header ended. What follows in that one read is not counted.
    private var body: (readOfHeader: Int, decoded: Int)?
    /// Of the present read.
    private var chunks = 0
    /// What came of the body in this read and has not been passed on.
    private var gathered: ByteBuffer?
    private let pause = ReadPause()
    private var allowed = most
    private var isBetween = true

    init(_ raw: RawByteCounter) { self.raw = raw }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            isBetween = false
            body = head.headers.contains(name: "transfer-encoding") ? (raw.reads, 0) : nil
            raw.reset()
            allowed = Self.most
        case .body(let bytes):
            chunks += 1
            if let body, body.readOfHeader != raw.reads {
                self.body?.decoded += bytes.readableBytes + Self.ofChunk
            }
            return gather(bytes, context)
        case .end:
            (body, isBetween) = (nil, true)
            raw.reset()
            passGathered(context)
        }
        context.fireChannelRead(data)
    }

    private func gather(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard var all = gathered else {
            gathered = bytes
            return
        }
        gathered = nil
        guard bytes.readableBytes < Self.smallChunk else {
            context.fireChannelRead(wrapInboundOut(.body(all)))
            gathered = bytes
            return
        }
        all.writeImmutableBuffer(bytes)
        gathered = all
    }

    private func passGathered(_ context: ChannelHandlerContext) {
        guard let all = gathered else { return }
        gathered = nil
        context.fireChannelRead(wrapInboundOut(.body(all)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        passGathered(context)
        context.fireErrorCaught(error)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        passGathered(context)
        if isBetween, raw.bytes > Self.mostBetween {
            raw.reset()
            context.fireErrorCaught(
                RequestError("more than \(Self.mostBetween) bytes without the end of a header"))
        }
        if let body, raw.bytes - body.decoded > allowed {
            // So much of the rest is thrown away before the connection is cut.
            allowed += RequestHandler.mostLingering
            context.fireErrorCaught(
                RequestError("chunk extensions and trailers of more than \(Self.most) bytes"))
        }
        if chunks > Self.freeChunks { pause.begin(context, for: Self.pauseForChunk * chunks) }
        chunks = 0
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) { pause.read(context) }
}
