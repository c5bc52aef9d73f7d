// An answer of HTTP/1.0 without a length ends with its connection (RFC 9112, 6.3): one that is cut short would look whole. So while one
// is under way, whatever ends the connection resets it.
import Glibc
import NIOCore
import TLSChannel

/// Above TLS, and below all that close the connection.
final class CutAnswer: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// An answer has begun that ends with the connection, and has not gone out whole.
    var isUnderWay = false {
        didSet { if isUnderWay != oldValue { tellSystem() } }
    }
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// To linger for no time is to reset (socket(7), SO_LINGER). Set beforehand, it holds when the gate is killed, too.
    private func tellSystem() {
        let options = context?.channel as? any SocketOptionProvider
        _ = options?.setSoLinger(linger(l_onoff: isUnderWay ? 1 : 0, l_linger: 0))
    }

    /// No side alone, for that would be an end in order; and past TLS, whose close_notify would be one, too.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard isUnderWay, mode != .input else { return context.close(mode: mode, promise: promise) }
        let tls = try? context.pipeline.syncOperations.context(handlerType: TLSHandler.self)
        (tls ?? context).close(promise: promise)
    }
}
