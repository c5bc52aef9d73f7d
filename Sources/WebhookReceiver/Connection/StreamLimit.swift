// How many requests there may be at once on an HTTP/2 connection. One too many is refused as such (RFC 9113, 5.1.2): the
// library would close the connection, on which others' uploads may be under way. So it is set to bear more than is told.
import NIOCore
import NIOHTTP2

/// Told to a stream's pipeline, outwards: reset it, nothing of it has been looked at.
struct StreamRefusal {}

/// Stands in front of the library's handler, tells the caller the lower limit in the first frame that passes, and goes.
final class StreamLimit: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Streams at once, as the caller is told.
    static let told = 100
    /// What the library bears before it takes more for an attack.
    static let borne = 200

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = unwrapOutboundIn(data)
        Self.rewrite(&bytes)
        context.write(wrapOutboundOut(bytes), promise: promise)
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    /// Puts the lower limit into a SETTINGS frame (RFC 9113, 4.1 and 6.5.1).
    static func rewrite(_ frame: inout ByteBuffer) {
        let start = frame.readerIndex
        guard frame.getInteger(at: start + 3, as: UInt8.self) == 4 else { return }
        for index in stride(from: start + 9, to: frame.writerIndex - 5, by: 6)
        where frame.getInteger(at: index, as: UInt16.self) == 3 {
            frame.setInteger(UInt32(told), at: index + 2)
        }
    }
}
