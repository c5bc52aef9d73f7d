// Lets one request of an HTTP/1.1 connection after the other through to `RequestHandler`: what comes behind one that is
// still being answered waits here, and once something waits nothing more is read (RFC 9112, 9.3.2). A caller that sends
// thousands of requests at once gets few of them done before the others of the event loop have their turn.
import NIOCore
import NIOHTTP1

final class RequestQueue: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// Requests of one connection in one turn of the event loop.
    static let mostInTurn = 16

    /// What comes behind all that waits.
    private enum End {
        case error(any Error)
        case inputClosed
    }

    private var queue = CircularBuffer<HTTPServerRequestPart>()
    private var ends: [End] = []
    /// The present request has been let through to its end.
    private var isWhole = true
    /// Its answer has been written to its end.
    private var isAnswered = true
    private var begunInTurn = 0
    private var isTurnScheduled = false
    private var heldRead = false

    /// A whole request is being answered.
    private var isWorking: Bool { isWhole && !isAnswered }
    private var hasMore: Bool { !queue.isEmpty || !ends.isEmpty }
}

// Reading.
extension RequestQueue {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard queue.isEmpty, mayPass(part, context) else { return queue.append(part) }
        pass(part, context)
    }

    /// A request may begin once the one before it is over, and this turn has not seen too many.
    private func mayPass(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) -> Bool {
        if isWorking { return false }
        guard case .head = part, begunInTurn >= Self.mostInTurn else { return true }
        scheduleTurn(context)
        return false
    }

    private func pass(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head:
            (isWhole, isAnswered) = (false, false)
            begunInTurn += 1
        case .end: isWhole = true
        case .body: break
        }
        context.fireChannelRead(wrapInboundOut(part))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if queue.isEmpty { begunInTurn = 0 }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if mayRead(context) { context.read() } else { heldRead = true }
    }

    /// Not while something waits, and not while the caller leaves answers unread: they would pile up here. While a request is
    /// being answered one read may come, `GateChannel.longestRead` at the most: to stop and to begin reading for each request
    /// would be two system calls more.
    private func mayRead(_ context: ChannelHandlerContext) -> Bool {
        !hasMore && context.channel.isWritable
    }

    private func resumeReading(_ context: ChannelHandlerContext) {
        guard heldRead, mayRead(context) else { return }
        heldRead = false
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        resumeReading(context)
        context.fireChannelWritabilityChanged()
    }
}

// Answering.
extension RequestQueue {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard case .end = unwrapOutboundIn(data) else { return }
        isAnswered = true
        guard isWhole else { return }
        // Whoever wrote it is not done with it yet: the next request comes by a turn of its own.
        if hasMore { scheduleTurn(context) } else { resumeReading(context) }
    }

    private func scheduleTurn(_ context: ChannelHandlerContext) {
        guard !isTurnScheduled else { return }
        isTurnScheduled = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (queue, context) = bound.value
            queue.turn(context)
        }
    }

    private func turn(_ context: ChannelHandlerContext) {
        isTurnScheduled = false
        begunInTurn = 0
        let hadMore = !queue.isEmpty
        while let part = queue.first {
            guard mayPass(part, context) else { return }
            queue.removeFirst()
            pass(part, context)
        }
        if hadMore { context.fireChannelReadComplete() }
        while !isWorking, !ends.isEmpty {
            switch ends.removeFirst() {
            case .error(let error): context.fireErrorCaught(error)
            case .inputClosed: context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            }
        }
        resumeReading(context)
    }
}

// What ends a connection waits for its turn, too.
extension RequestQueue {
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard isWorking || hasMore else { return context.fireErrorCaught(error) }
        // The first tells why; as a rule those after it follow from it.
        if ends.isEmpty { ends.append(.error(error)) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let closed = event as? ChannelEvent, closed == .inputClosed, isWorking || hasMore else {
            return context.fireUserInboundEventTriggered(event)
        }
        if ends.count < 2 { ends.append(.inputClosed) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        queue.removeAll()
        ends.removeAll()
        context.fireChannelInactive()
    }
}
