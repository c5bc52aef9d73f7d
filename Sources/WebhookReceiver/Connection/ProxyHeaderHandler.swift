// Reads the PROXY protocol header in front of everything else, has the source decided on, and only then lets the
// rest of the pipeline come into being. Bytes behind the header are replayed into it.
import Admission
import JSON
import NIOCore

final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: Connection
    private var parser = ProxyHeaderParser()
    private var isDone = false
    /// Decides on the header; true when the pipeline has been built and may go on.
    private let proceed: (ProxyHeader) -> Bool

    init(_ connection: Connection, proceed: @escaping (ProxyHeader) -> Bool) {
        self.connection = connection
        self.proceed = proceed
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDone else { return }
        do {
            guard
                case .complete(let header, let surplus) = try parser.feed(
                    unwrapInboundIn(data).readableBytesView)
            else { return }
            isDone = true
            guard proceed(header) else { return }
            if !surplus.isEmpty {
                context.fireChannelRead(wrapInboundOut(context.channel.allocator.buffer(bytes: surplus)))
            }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            isDone = true
            connection.note(.badProxyHeader, detail: ["error": .string(error.message)])
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}
