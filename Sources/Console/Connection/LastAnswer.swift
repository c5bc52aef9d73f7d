// Below NIO's `HTTPServerPipelineHandler`, which lets the requests of a connection through one after the other: tells it which answer is
// the last one, and it lets nothing through behind that (RFC 9112, 9.6). An answer is the last one where its request or the server asks for
// that, and once the connection is of age; a stream is at its beginning, for it goes on until then.
import NIOCore
import NIOHTTP1

final class LastAnswer: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long what a caller sends behind its last answer is read and thrown away: to close at once would reset the connection, and
    /// the answer could be lost on its way.
    static let lingering = TimeAmount.seconds(2)

    private struct Request {
        /// It asks for the head alone.
        let isHead: Bool
        let isLast: Bool
    }

    private enum State { case open, last, lingering }

    private let age: ConnectionAge
    private var state = State.open
    /// Those that have no answer yet, in their order: what has been read at once, for meanwhile nothing more is.
    private var requests = CircularBuffer<Request>()
    /// The present answer has no body, and does not say how long that would be.
    private var isBare = false

    init(age: ConnectionAge) { self.age = age }

    /// Adds it to a connection that speaks HTTP/1.1, with the handler that it tells.
    static func add(_ age: ConnectionAge, to pipeline: ChannelPipeline.SynchronousOperations) throws {
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandlers(
            [LastAnswer(age: age), HTTPServerPipelineHandler()], position: .after(decoder))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state != .lingering else { return }
        if case .head(let head) = unwrapInboundIn(data) {
            requests.append(Request(isHead: head.method == .HEAD, isLast: !head.isKeepAlive))
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if state == .lingering { context.read() } else { context.fireChannelReadComplete() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed where state == .lingering: context.close(promise: nil)
        // It has been told.
        case is ChannelShouldQuiesceEvent where state != .open: break
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            let request = requests.popFirst()
            isBare = request?.isHead == true && !head.headers.contains(name: "content-length")
            if let request, request.isLast || isLast(head) {
                head.headers.replaceOrAdd(name: "connection", value: "close")
                tell(context)
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        // The encoder takes an answer without a length for a chunked one, and would write the end of its body.
        case .end where isBare:
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: promise)
        case .head, .body, .end: context.write(data, promise: promise)
        }
    }

    private func isLast(_ head: HTTPResponseHead) -> Bool {
        if !head.isKeepAlive { return true }
        guard age.isCounted else { return false }
        return age.isOver || head.headers.first(name: "content-type") == EventStream.contentType
    }

    private func tell(_ context: ChannelHandlerContext) {
        guard state == .open else { return }
        state = .last
        context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    /// Behind the last answer the handler above closes.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard state == .last, mode == .all else { return context.close(mode: mode, promise: promise) }
        state = .lingering
        context.close(mode: .output, promise: promise)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: Self.lingering) { channel.close(promise: nil) }
        context.read()
    }
}
