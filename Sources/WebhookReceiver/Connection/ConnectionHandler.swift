// The handler nearest to the socket: tells the connection when bytes come, when it ends and when the gate shuts down.
// It looks at no byte and changes none.
import NIOCore

final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// How long a connection without requests may stay once its end has been announced.
    static let farewell = TimeAmount.seconds(2)

    private let connection: Connection
    /// Requests begun when bytes came on an idle connection; nil if it was not idle.
    private var requestsWhenIdle: Int?

    init(_ connection: Connection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if connection.phase == .idle { requestsWhenIdle = requestsWhenIdle ?? connection.requests }
        context.fireChannelRead(data)
    }

    /// A header may come in several pieces of one read, so only at its end is it known whether it was completed.
    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // The first header may begin in the read that ends the handshake.
        let hasBegun = connection.phase == .idle && connection.requests == 0 && connection.hasInput
        if hasBegun || requestsWhenIdle == connection.requests { connection.headerBegan() }
        requestsWhenIdle = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        context.fireChannelInactive()
        connection.ended()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connection.silence()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            if connection.requests == 0 { connection.dismiss() }
            if connection.requests == 0, [.proxyHeader, .handshake].contains(connection.phase) {
                // Not HTTP yet: there is nobody behind to understand this.
                return context.close(promise: nil)
            }
            // A caller that does not answer the announcement (HTTP/2) is not waited for.
            connection.close(within: Self.farewell)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The socket's own errors (connection reset). The end follows; what it cut off is noted there.
        context.fireErrorCaught(error)
    }
}
