// Last in an HTTP/2 connection's pipeline: closes it on protocol errors and when the caller has closed its side.
// Streams have their own pipelines and never come by here.
import Admission
import Ledger
import NIOCore

final class HTTP2EndHandler: ChannelInboundHandler {
    typealias InboundIn = Any

    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if context.channel.isActive, !connection.isQuietEnd(error) {
            let text = OutsideText.head(String(describing: error), limit: 300)
            connection.note(.malformed, detail: ["error": .string(text)])
        }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}
