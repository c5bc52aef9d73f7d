// Above HTTP: once a connection is of age, its next answer says that it is the last one, and the connection is closed behind it. A
// stream says so at its beginning: it goes on until then.
import HTTPTypes
import NIOCore
import NIOHTTPTypes

final class LastAnswer: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var age: ConnectionAge?
    /// The present answer is the last one.
    private var closes = false
    /// When what was written last of its body has left the gate.
    private var body: EventLoopFuture<Void>?

    func handlerAdded(context: ChannelHandlerContext) {
        // Without TLS there is none.
        age = try? context.pipeline.syncOperations.handler(type: HandshakeNote.self).age
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            closes = isLast(head)
            if closes { head.headerFields[.connection] = "close" }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body where closes:
            let left = promise ?? context.eventLoop.makePromise(of: Void.self)
            body = left.futureResult
            context.write(data, promise: left)
        case .end where closes:
            let left = promise ?? context.eventLoop.makePromise(of: Void.self)
            // The end may be no byte of its own, and be done before the body is.
            let parts = [body, left.futureResult].compactMap(\.self)
            let channel = context.channel
            EventLoopFuture.andAllComplete(parts, on: context.eventLoop).whenComplete { _ in
                channel.close(promise: nil)
            }
            context.writeAndFlush(data, promise: left)
        case .body, .end: context.write(data, promise: promise)
        }
    }

    private func isLast(_ head: HTTPResponse) -> Bool {
        guard let age, age.isCounted else { return false }
        return age.isOver || head.headerFields[.contentType] == EventStream.contentType
    }
}
