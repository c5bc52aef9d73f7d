// Last in an HTTP/2 connection's pipeline: closes it on errors of the connection and when the caller has closed its side.
// Streams have their own pipelines and never come by here; but the library tells of their errors here, too.
import Admission
import JSON
import NIOCore
import NIOHTTP2

final class HTTP2EndHandler: ChannelInboundHandler {
    typealias InboundIn = Any

    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if Self.isOfStream(error) { return }
        if context.channel.isActive, !connection.isQuietEnd(error) {
            connection.note(.malformed, detail: ["error": .string(ErrorSentence.of(error))])
        }
        close(context)
    }

    /// Not within the read that brought the reason: its end must be told to the library's handlers, which keep the streams of
    /// the read for ever otherwise.
    private func close(_ context: ChannelHandlerContext) {
        let channel = context.channel
        context.eventLoop.execute { channel.close(promise: nil) }
    }

    /// The library has reset the stream for it, and the connection goes on (RFC 9113, 5.4.2). Errors that it has for
    /// streams and for connections, those of flow control, end the connection (5.4.1 allows that): no proxy passes
    /// them on from a client.
    private static func isOfStream(_ error: any Error) -> Bool {
        switch error {
        case is NIOHTTP2Errors.BadStreamStateTransition, is NIOHTTP2Errors.TrailersWithoutEndStream,
            is NIOHTTP2Errors.StreamError, is NIOHTTP2Errors.StreamClosed:
            true
        default: false
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { close(context) }
        context.fireUserInboundEventTriggered(event)
    }
}
