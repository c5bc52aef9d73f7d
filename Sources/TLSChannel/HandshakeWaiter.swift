// Last in a client's pipeline until its handshake is done: tells so, or why it was not. Bounds of time are its owner's.
package import NIOCore
import NIOTLS

package final class HandshakeWaiter: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    private let done: EventLoopPromise<Void>

    package init(_ done: EventLoopPromise<Void>) { self.done = done }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { done.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        done.fail(error)
        context.fireErrorCaught(error)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        done.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
