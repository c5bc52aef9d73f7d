// Above HTTP: lets one request of a connection after the other through, and none behind the last one (RFC 9112, 9.6). The last answer
// says that it is the last, and the connection is closed behind it: where its request or the server asks for that, and once the
// connection is of age. A stream says so at its beginning: it goes on until then.
import HTTPTypes
import NIOCore
import NIOHTTPTypes

final class RequestTurns: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long what a caller sends behind its last answer is read and thrown away: to close at once would reset the connection, and
    /// the answer could be lost on its way.
    static let lingering = TimeAmount.seconds(2)
    /// Bytes of a body that wait for the answer before; the rest is read when that is done.
    static let mostWaiting = 64 << 10

    private enum Arrival {
        case part(HTTPRequestPart)
        case error(any Error)
        case inputClosed
    }

    private var age: ConnectionAge?
    /// What came behind a request that is still being answered.
    private var waiting = CircularBuffer<Arrival>()
    private var waitingRequests = 0
    private var waitingBytes = 0
    private var heldRead = false
    /// An error waits: nothing behind it is a request, and the decoder gives each further piece as one more error, with its bytes.
    private var hasWaitingError = false
    private var isTurnScheduled = false
    /// The present request has been let through to its end.
    private var isWhole = true
    /// Its answer has been written to its end.
    private var isAnswered = true
    /// It asks for the head alone.
    private var isHead = false
    /// No request comes behind it.
    private var isLast = false
    /// Its answer has no body, and does not say how long that would be.
    private var isBare = false
    /// The last answer has been written to its end.
    private var isOver = false
    /// It has left the gate.
    private var hasLeft = false
    /// The caller sends nothing any more.
    private var isInputClosed = false
    /// When what was written last of the last answer's body has left the gate.
    private var body: EventLoopFuture<Void>?

    func handlerAdded(context: ChannelHandlerContext) {
        // Without TLS there is none.
        age = try? context.pipeline.syncOperations.handler(type: HandshakeNote.self).age
    }
}

// Reading.
extension RequestTurns {
    private var isWorking: Bool { isWhole && !isAnswered }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        take(.part(unwrapInboundIn(data)), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { take(.error(error), context) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let closed = event as? ChannelEvent, closed == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        // Nothing is left to say, and nothing comes.
        isInputClosed = true
        if hasLeft { context.close(promise: nil) } else { take(.inputClosed, context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        forget()
        context.fireChannelInactive()
    }

    private func take(_ arrival: Arrival, _ context: ChannelHandlerContext) {
        guard !isOver else { return }
        if hasWaitingError {
            guard case .inputClosed = arrival else { return }
        }
        if waiting.isEmpty, !isWorking { return pass(arrival, context) }
        waiting.append(arrival)
        switch arrival {
        case .part(.body(let bytes)): waitingBytes += bytes.readableBytes
        case .part(.end): waitingRequests += 1
        case .error: hasWaitingError = true
        case .part(.head), .inputClosed: break
        }
    }

    private func pass(_ arrival: Arrival, _ context: ChannelHandlerContext) {
        switch arrival {
        case .part(let part):
            begin(part)
            context.fireChannelRead(wrapInboundOut(part))
        case .error(let error): context.fireErrorCaught(error)
        case .inputClosed: context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
    }

    private func begin(_ part: HTTPRequestPart) {
        switch part {
        case .head(let head):
            (isWhole, isAnswered) = (false, false)
            isHead = head.method == .head
            isLast = Self.closes(head.headerFields)
        case .body: break
        case .end: isWhole = true
        }
    }

    /// The option "close" (RFC 9110, 7.6.1).
    private static func closes(_ fields: HTTPFields) -> Bool {
        fields[values: .connection].contains { value in
            value.split(separator: ",").contains {
                $0.trimmingPrefix(while: \.isWhitespace).prefix { !$0.isWhitespace }.lowercased() == "close"
            }
        }
    }

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { heldRead = true }
    }

    /// A request that waits is read to its end, lest it seem to be slow. What comes behind it stays in the system's buffer.
    private var mayRead: Bool {
        waitingRequests == 0 && waitingBytes <= Self.mostWaiting && !hasWaitingError
    }

    private func resumeReading(_ context: ChannelHandlerContext) {
        guard heldRead, mayRead else { return }
        heldRead = false
        context.read()
    }

    /// Whoever wrote the end of an answer is not done with it yet: the next request comes by a turn of its own.
    private func scheduleTurn(_ context: ChannelHandlerContext) {
        guard !isTurnScheduled else { return }
        isTurnScheduled = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (turns, context) = bound.value
            turns.turn(context)
        }
    }

    private func turn(_ context: ChannelHandlerContext) {
        isTurnScheduled = false
        let hadMore = !waiting.isEmpty
        while !isWorking, let arrival = waiting.popFirst() {
            switch arrival {
            case .part(.body(let bytes)): waitingBytes -= bytes.readableBytes
            case .part(.end): waitingRequests -= 1
            case .error: hasWaitingError = false
            case .part(.head), .inputClosed: break
            }
            pass(arrival, context)
        }
        if hadMore { context.fireChannelReadComplete() }
        resumeReading(context)
    }

    private func forget() {
        waiting.removeAll()
        (waitingRequests, waitingBytes, hasWaitingError) = (0, 0, false)
    }
}

// Answering.
extension RequestTurns {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.kind != .informational:
            isLast = isLast || isLastAnswer(head)
            if isLast { head.headerFields[.connection] = "close" }
            isBare = isHead && head.headerFields[.contentLength] == nil
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body where isLast:
            let left = promise ?? context.eventLoop.makePromise(of: Void.self)
            body = left.futureResult
            context.write(data, promise: left)
        case .head, .body: context.write(data, promise: promise)
        case .end:
            // The encoder takes an answer without a length for a chunked one, and would write the end of its body.
            end(isBare ? wrapOutboundOut(.body(ByteBuffer())) : data, context, promise)
        }
    }

    private func isLastAnswer(_ head: HTTPResponse) -> Bool {
        if Self.closes(head.headerFields) { return true }
        guard let age, age.isCounted else { return false }
        return age.isOver || head.headerFields[.contentType] == EventStream.contentType
    }

    private func end(_ data: NIOAny, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        isAnswered = true
        guard isLast else {
            context.write(data, promise: promise)
            guard isWhole else { return }
            if waiting.isEmpty { resumeReading(context) } else { scheduleTurn(context) }
            return
        }
        isOver = true
        forget()
        let left = promise ?? context.eventLoop.makePromise(of: Void.self)
        // The end may be no byte of its own, and be done before the body is.
        let parts = [body, left.futureResult].compactMap(\.self)
        let (channel, loop) = (context.channel, context.eventLoop)
        let bound = NIOLoopBound(self, eventLoop: loop)
        EventLoopFuture.andAllComplete(parts, on: loop).whenComplete { _ in
            bound.value.hasLeft = true
            if bound.value.isInputClosed { return channel.close(promise: nil) }
            channel.close(mode: .output, promise: nil)
            loop.scheduleTask(in: Self.lingering) { channel.close(promise: nil) }
        }
        context.writeAndFlush(data, promise: left)
        resumeReading(context)
    }
}
