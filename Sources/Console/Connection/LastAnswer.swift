// Below NIO's `HTTPServerPipelineHandler`, which lets the requests of a connection through one after the other: tells it which answer is
// the last one, lets nothing through behind that (RFC 9112, 9.6), and ends the connection when the answer has had time to arrive. An
// answer is the last one where its request or the server asks for that, and once the connection is of age; a stream is at its beginning,
// for it goes on until then.
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
    /// How long the end of the last answer may wait to be read: it may be too little for `RequestClock` to see that it waits.
    static let reading = RequestClock.body

    private enum State {
        case open
        /// The handler above has been told that the present answer is the last one.
        case last
        /// Nothing goes in or out any more but what is on its way.
        case ended
    }

    private let age: ConnectionAge
    private var state = State.open
    /// Those that have no answer yet, in their order: what has been read at once, for meanwhile nothing more is.
    private var requests = CircularBuffer<RequestTraits>()
    /// Between the first and the last part of a request, and of an answer.
    private var isReceiving = false
    private var isAnswering = false
    /// What comes from now on belongs to no request that is answered, and has no time of its own.
    private var isDeaf = false {
        didSet { if isDeaf { clock?.stop() } }
    }
    /// What comes from now on is not even read: the parser would keep it.
    private var hasParserStopped = false
    /// The server stops: nobody is waited for who does not read.
    private var isStopping = false
    private var isInputClosed = false
    private var isOutputClosed = false
    private var end: Scheduled<Void>?
    /// The present answer has no body, and does not say how long that would be.
    private var isBare = false
    /// When the latest answer has gone out, and how many are still on their way.
    private var answered: EventLoopFuture<Void>?
    private var sending = 0
    private var clock: RequestClock?
    private var cut: CutAnswer?

    init(age: ConnectionAge) { self.age = age }

    /// Adds it to a connection that speaks HTTP/1.1, with the handler that it tells.
    static func add(_ age: ConnectionAge, to pipeline: ChannelPipeline.SynchronousOperations) throws {
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandlers(
            [LastAnswer(age: age), HTTPServerPipelineHandler()], position: .after(decoder))
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        clock = try? pipeline.handler(type: RequestClock.self)
        cut = try? pipeline.handler(type: CutAnswer.self)
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDeaf else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            let request = RequestTraits(head)
            requests.append(request)
            isReceiving = true
            hasParserStopped = request.stopsParser
        case .body: break
        case .end:
            clock?.requestIsWhole()
            isReceiving = false
            isDeaf = state == .last || requests.last?.isLast == true
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if state == .ended { readOn(context) } else { context.fireChannelReadComplete() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: quiesce(context)
        case ChannelEvent.inputClosed:
            isInputClosed = true
            guard state == .ended else { return context.fireUserInboundEventTriggered(event) }
            if isOutputClosed { context.close(promise: nil) }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// What cannot be parsed behind the last request is nobody's. In the body of a request that has its answer it is the end: a second
    /// answer would be taken for that to another request.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The parser has said before why it takes no more.
        if case .dataReceivedInErrorState? = error as? ByteToMessageDecoderError { return }
        if state == .ended { return }
        guard error is HTTPParserError else { return context.fireErrorCaught(error) }
        if isDeaf { return }
        if isReceiving, !isAnswering, requests.isEmpty { return linger(context, nil) }
        context.fireErrorCaught(error)
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            let request = requests.popFirst()
            isAnswering = true
            isBare = request?.isHead == true && !head.headers.contains(name: "content-length")
            // Chunks are for 1.1 (RFC 9112, 6.1): the encoder goes by the version.
            if request?.isOld == true {
                head.version = .http1_0
                cut?.isUnderWay = !head.headers.contains(name: "content-length")
            }
            if let request, request.isLast || isLast(head) {
                head.headers.replaceOrAdd(name: "connection", value: "close")
                tell(context)
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            isAnswering = false
            sending += 1
            // Before it goes on, for then the next request comes.
            clock?.answerIsGiven()
            let sent = promise ?? context.eventLoop.makePromise()
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            let endsConnection = cut?.isUnderWay == true
            // The first to hear of it.
            sent.futureResult.whenComplete { bound.value.hasGone($0, endsConnection) }
            answered = sent.futureResult
            // The encoder takes an answer without a length for a chunked one, and would write the end of its body.
            context.write(isBare ? wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))) : data, promise: sent)
        case .head, .body: context.write(data, promise: promise)
        }
    }

    /// The end of an answer has gone out, or will never.
    private func hasGone(_ result: Result<Void, any Error>, _ endsConnection: Bool) {
        sending -= 1
        guard case .success = result else { return }
        clock?.answerIsOut(hasMore: sending > 0)
        if endsConnection { cut?.isUnderWay = false }
    }

    private func isLast(_ head: HTTPResponseHead) -> Bool {
        if !head.isKeepAlive { return true }
        guard age.isCounted else { return false }
        return age.isOver || head.headers.first(name: "content-type") == EventStream.contentType
    }

    // MARK: The end

    /// The server stops: a connection that nobody asks anything on is closed at once.
    private func quiesce(_ context: ChannelHandlerContext) {
        isStopping = true
        if state == .ended { closeSoon(context, Self.lingering) }
        guard state == .open else { return }
        guard isReceiving || isAnswering || sending > 0 || !requests.isEmpty else {
            state = .ended
            isDeaf = true
            return context.close(promise: nil)
        }
        tell(context)
    }

    /// The handler above forgets what it has of later requests.
    private func tell(_ context: ChannelHandlerContext) {
        guard state == .open else { return }
        state = .last
        let hasLater = requests.count > (isAnswering ? 0 : 1)
        isDeaf = hasLater || !isReceiving
        context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    /// Behind the last answer the handler above closes, and the server says that it writes no more.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch (mode, state) {
        case (.output, .ended): promise?.fail(ChannelError.outputClosed)
        // It ends by itself, soon. Who does not want to wait for an answer that nobody reads, or that was broken off, ends it now.
        case (.all, .ended) where sending == 0 && !isAnswering:
            context.channel.closeFuture.cascade(to: promise)
        case (.output, _), (.all, .last): linger(context, promise)
        case (.input, _), (.all, _): context.close(mode: mode, promise: promise)
        }
    }

    private func linger(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        state = .ended
        isDeaf = true
        closeSoon(context, isStopping ? Self.lingering : Self.reading)
        let closed = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        // A caller that has closed its side would lose what has not gone out: a connection whose one side is closed is closed as a whole
        // with the other.
        (answered ?? context.eventLoop.makeSucceededVoidFuture()).whenComplete { _ in
            bound.value.1.close(mode: .output, promise: closed)
        }
        closed.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.isOutputClosed = true
            if handler.isInputClosed { return context.close(promise: nil) }
            handler.closeSoon(context, Self.lingering)
        }
        readOn(context)
    }

    /// In place of the time that was set before.
    private func closeSoon(_ context: ChannelHandlerContext, _ time: TimeAmount) {
        end?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        end = context.eventLoop.scheduleTask(in: time) { bound.value.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end?.cancel() }

    private func readOn(_ context: ChannelHandlerContext) {
        if !hasParserStopped { context.read() }
    }
}

/// What the answer to a request depends on.
private struct RequestTraits {
    /// It asks for the head alone.
    let isHead: Bool
    /// HTTP/1.0.
    let isOld: Bool
    /// Behind it the parser takes nothing for HTTP, and keeps all that comes: it asks for another protocol, which it does not get.
    let stopsParser: Bool
    private let asksForEnd: Bool

    init(_ head: HTTPRequestHead) {
        isHead = head.method == .HEAD
        isOld = head.version != .http1_1
        stopsParser = head.method == .CONNECT || head.headers.contains(name: "upgrade")
        asksForEnd = !head.isKeepAlive
    }

    var isLast: Bool { asksForEnd || isOld || stopsParser }
}
