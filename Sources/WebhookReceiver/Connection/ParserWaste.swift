// Bounds what the parts of a chunked body cost beside their bytes: the parser reads extensions and trailers and throws
// them away, so a body could go on for ever without growing (RFC 9112, 7.1.1). Two handlers, around the decoder.
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
final class ChunkOverhead: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    /// Bytes of extensions and trailers that a body may have.
    static let most = 8 << 10
    /// Bytes of a chunk that are none of these: its length, padded to eight digits as some do, and two line ends.
    static let ofChunk = 12

    private let raw: RawByteCounter
    /// In a chunked body: the read in which its header ended. What follows in that one read is not counted.
    private var body: (readOfHeader: Int, decoded: Int)?
    private var allowed = most

    init(_ raw: RawByteCounter) { self.raw = raw }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            body = head.headers.contains(name: "transfer-encoding") ? (raw.reads, 0) : nil
            raw.reset()
            allowed = Self.most
        case .body(let bytes):
            if let body, body.readOfHeader != raw.reads {
                self.body?.decoded += bytes.readableBytes + Self.ofChunk
            }
        case .end: body = nil
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if let body, raw.bytes - body.decoded > allowed {
            // So much of the rest is thrown away before the connection is cut.
            allowed += RequestHandler.mostLingering
            context.fireErrorCaught(
                RequestFault("chunk extensions and trailers of more than \(Self.most) bytes"))
        }
        context.fireChannelReadComplete()
    }
}
