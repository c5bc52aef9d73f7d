// Reads one request after the other on an HTTP/1.1 connection, or the one of an HTTP/2 stream: judges its header,
// collects its body, hands it on whole, writes the answer. No request comes while another is being answered
// (`RequestQueue`).
import Admission
import Intake
import JSON
import Ledger
import NIOCore
import NIOHTTP1
import Settings

final class RequestHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = Never
    typealias OutboundIn = Answer
    typealias OutboundOut = HTTPServerResponsePart

    /// Requests of one HTTP/1.1 connection, after which the caller connects anew.
    static let mostRequests = 10_000
    /// How long a caller may go on sending what nobody reads any more, before the connection is cut.
    static let lingering = TimeAmount.seconds(5)
    /// Bytes of it that are read and thrown away, so that the caller gets to see the answer.
    static let mostLingering = 4 << 20
    /// So many of them are read as quickly as anything else, and from then on one read comes in each `lingeringPause`:
    /// decrypting what nobody wants would keep the others of the event loop waiting.
    static let quicklyLingering = 64 << 10
    static let lingeringPause = TimeAmount.milliseconds(10)

    /// Bytes of a body that are set aside on the strength of its announcement alone.
    static let trusted = 64 << 10

    private enum State {
        case waiting
        case receiving(RequestHead)
        /// Handed on then; the answer is awaited.
        case working(since: NIODeadline)
        /// Answered early; the rest of the request is thrown away, up to so many bytes.
        case draining(read: Int, most: Int)
        /// Nothing is read or answered any more.
        case ended
    }

    private let connection: Connection
    private var state = State.waiting
    /// Of the request that is being received. Not in `state`, so that growing it never copies it.
    private var body: [UInt8] = []
    /// What it takes of the budget of all bodies.
    private var share: BodyShare?
    /// Close after the present answer: the caller asked for it, its request cannot be read to the end, or the
    /// gate shuts down.
    private var closes = false
    private var isHTTP10 = false
    private var isHead = false
    private var bodyTimer: Scheduled<Void>?
    private let pause = ReadPause()
    /// What is wrong with the header that comes next.
    private var fault: RequestError?

    init(_ connection: Connection) { self.connection = connection }

    private var multiplexed: Bool { connection.isHTTP2 }
}

// Reading.
extension RequestHandler {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        take(unwrapInboundIn(data), context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Whole requests come in one read as a rule; only a body that lets wait gets a timer.
        if case .receiving = state, bodyTimer == nil {
            startTimer(context, TimeAmount(bounded: connection.listener.settings.bodyTimeout))
        }
        // Not the streams of HTTP/2: what they do not read waits in memory.
        if case .draining(let read, _) = state, read > Self.quicklyLingering, !multiplexed {
            pause.begin(context, for: Self.lingeringPause)
        }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) { pause.read(context) }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (state, part) {
        case (.waiting, .head(let head)): begin(head, context)
        case (.receiving(let request), .body(let bytes)): collect(bytes, request, context)
        case (.receiving(let request), .end): handOn(request, context)
        case (.draining(let read, let most), .body(let bytes)):
            let sum = read + bytes.readableBytes
            state = .draining(read: sum, most: most)
            if sum > most { end(context) }
        case (.draining, .end): answered(context)
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // Behind a request to upgrade the parser stops: whatever follows would not be read.
        let upgrades = head.method == .CONNECT || head.headers.contains(name: "upgrade")
        closes = closes || (!multiplexed && (!head.isKeepAlive || upgrades))
        isHTTP10 = head.version == .http1_0
        isHead = head.method == .HEAD
        let framing = fault.map { BodyFraming.refused($0.sentence) } ?? BodyFraming(head)
        fault = nil
        let validator = RequestValidator(connection: connection, head: head, id: connection.requestBegan())
        if !multiplexed, connection.requests >= Self.mostRequests { closes = true }
        if connection.isOfAge { if multiplexed { connection.announceEndSoon() } else { closes = true } }
        // Whoever is not let in has nothing more to say on this connection.
        let isLast = !validator.decision.isAdmitted && !connection.listener.isForwarded
        if isLast, !multiplexed { closes = true }
        if multiplexed, connection.open > StreamLimit.told { return refuseStream(validator, context) }
        switch validator.judge(framing) {
        case .refuse(let refusal):
            // Behind a header that does not say how long its body is nobody knows where the next request begins.
            if refusal.answer.status == .lengthRequired { closes = true }
            refuse(refusal, hasMore: framing.hasBody, context)
            if isLast, multiplexed { connection.announceEnd() }
        case .answer(let answer):
            // Its end is read behind it, as that of a refused request.
            state = .draining(read: 0, most: 0)
            send(answer, context)
            startTimer(context, Self.lingering)
        case .receive(let request, let awaitsContinue):
            guard request.announced <= Self.trusted || hasRoom(request) else {
                return refuse(tooManyBytes(request), hasMore: framing.hasBody, context)
            }
            state = .receiving(request)
            guard awaitsContinue else { return }
            let go = HTTPResponseHead(version: head.version, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
        }
    }

    private func collect(_ bytes: ByteBuffer, _ request: RequestHead, _ context: ChannelHandlerContext) {
        let count = bytes.readableBytes
        guard body.count + count <= request.limit else {
            let refusal = request.refusal(
                .payloadTooLarge, "body too large", .tooLarge)
            return refuse(refusal, hasMore: true, context)
        }
        let share = share ?? connection.listener.budget.share(of: FairShares.Taker(request.decision))
        self.share = share
        guard share.grow(by: count) else {
            return refuse(tooManyBytes(request), hasMore: true, context)
        }
        // What was announced is not yet there: no more than this is set aside for it before some of it has come.
        if body.isEmpty {
            body.reserveCapacity(max(count, min(request.announced, Self.trusted)))
        } else if body.count + count > Self.trusted, body.capacity < request.announced {
            body.reserveCapacity(request.announced)
        }
        body.append(contentsOf: bytes.readableBytesView)
    }

    /// A large body that will not find room need not be sent.
    private func hasRoom(_ request: RequestHead) -> Bool {
        connection.listener.budget.hasRoom(
            for: request.announced, of: FairShares.Taker(request.decision))
    }

    private func tooManyBytes(_ request: RequestHead) -> Refusal {
        var refusal = request.refusal(
            .serviceUnavailable, "try again later", .rateLimited,
            ["error": "too many bytes of bodies are being received at once"])
        refusal.answer.retryAfter = RequestValidator.retryAfter
        return refusal
    }

    private func handOn(_ request: RequestHead, _ context: ChannelHandlerContext) {
        stopTimer()
        // What is done with an unlisted source's event comes after its answer, and must not be felt by its next request.
        if case .unlisted = request.purpose, !multiplexed { closes = true }
        state = .working(since: .now())
        connection.handOn(
            ReceivedRequest(
                head: request, body: body, share: share, channel: context.channel, isMultiplexed: multiplexed)
        )
        body = []
        // From here on it belongs to the received request: whoever hangs up now still has its body in memory.
        share = nil
    }
}

// Answering.
extension RequestHandler {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .working(let since) = state else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let answer = unwrapOutboundIn(data)
        connection.listener.figures.answered(answer.status, after: .now() - since)
        send(answer, context)
        promise?.succeed()
        answered(context)
    }

    private func send(_ answer: Answer, _ context: ChannelHandlerContext) {
        var headers = answer.headers()
        headers.add(name: "date", value: connection.listener.date.text(at: .now()))
        if !multiplexed {
            if closes {
                headers.add(name: "connection", value: "close")
            } else if isHTTP10 {
                headers.add(name: "connection", value: "keep-alive")
            }
        }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead {
            let body = context.channel.allocator.buffer(bytes: answer.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Answers a request that will not be handed on, and records it. `hasMore`: its body has not come to an end.
    private func refuse(_ refusal: Refusal, hasMore: Bool, _ context: ChannelHandlerContext) {
        letGoOfBody()
        connection.listener.intake.note(refusal.attempt)
        // A body that nobody wants is not read to its end on a connection of its own.
        if hasMore, !multiplexed { closes = true }
        state = .draining(read: 0, most: Self.mostLingering)
        send(refusal.answer, context)
        if hasMore, !multiplexed { context.close(mode: .output, promise: nil) }
        startTimer(context, Self.lingering)
    }

    /// One request too many at once: it is not looked at, and the caller may send it again (RFC 9113, 8.7).
    private func refuseStream(_ validator: RequestValidator, _ context: ChannelHandlerContext) {
        var refusal = validator.refusal(
            .serviceUnavailable, "try again later", .connectionLimit,
            ["limit_streams": .int(Int64(StreamLimit.told))])
        refusal.attempt.request?.status = nil
        connection.listener.intake.note(refusal.attempt)
        state = .draining(read: 0, most: 0)
        context.triggerUserOutboundEvent(StreamRefusal(), promise: nil)
    }

    /// The present request is over: on to the next, or the end.
    private func answered(_ context: ChannelHandlerContext) {
        letGoOfBody()
        stopTimer()
        if case .ended = state { return }
        if closes { return end(context) }
        state = .waiting
        connection.requestEnded()
    }

    private func letGoOfBody() {
        body = []
        share = nil
    }

    /// No more requests here.
    private func end(_ context: ChannelHandlerContext) {
        letGoOfBody()
        stopTimer()
        switch state {
        case .ended: return
        case .waiting: break
        case .receiving, .working, .draining: connection.requestEnded()
        }
        state = .ended
        if multiplexed { context.close(promise: nil) } else { connection.shut() }
    }
}

// What goes wrong.
extension RequestHandler {
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError || error is NIOHTTPDecoderError || error is RequestError else {
            // TLS, socket and stream errors: the end follows. What has been handed on is decided all the same.
            if case .working = state { return }
            if case .receiving = state, !multiplexed { return }
            return cutOff(context, by: error)
        }
        failed(error, context)
    }

    /// The bytes are not HTTP, or end in the middle of it.
    private func failed(_ error: any Error, _ context: ChannelHandlerContext) {
        if case .invalidEOFState? = error as? HTTPParserError { return cutOff(context) }
        let detail: [String: JSONValue] = ["error": .string(ErrorSentence.of(error))]
        // What stands behind it cannot be read; a stream of HTTP/2 has an end of its own.
        closes = closes || !multiplexed
        switch state {
        case .waiting:
            let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "")
            let validator = RequestValidator(
                connection: connection, head: head, id: connection.requestBegan())
            var refusal = validator.refusal(.badRequest, "malformed request", .malformed, detail)
            if !validator.decision.isAdmitted {
                // In forwarded modes there are no headers to tell who it was; otherwise that is known.
                if !connection.listener.isForwarded { refusal.attempt.reason = validator.decision.reason }
                refusal.answer = .error(.forbidden, "forbidden", id: validator.id)
            }
            refusal.attempt.request = RequestFacts(id: validator.id, status: Int(refusal.answer.status.code))
            refuse(refusal, hasMore: true, context)
        case .receiving(let request):
            let refusal = request.refusal(
                .badRequest, "malformed request", .malformed, detail)
            refuse(refusal, hasMore: true, context)
        case .draining: if !multiplexed { end(context) }
        case .working, .ended: break
        }
    }

    /// The caller has gone or closed its side before its request was whole.
    private func cutOff(_ context: ChannelHandlerContext, by error: (any Error)? = nil) {
        if case .receiving(let request) = state {
            var refusal = request.refusal(
                .badRequest, "incomplete", .incomplete,
                [
                    "bytes_received": .int(Int64(body.count)),
                    "error": .string(
                        error.map(ErrorSentence.of) ?? "the caller closed before the body's end"),
                ])
            refusal.attempt.request?.status = nil
            connection.listener.intake.note(refusal.attempt)
        }
        end(context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as ChannelEvent where event == .inputClosed:
            // Of a stream of HTTP/2 this is the end of its request.
            if case .working = state { break }
            cutOff(context)
        case let event as RequestError: fault = event
        case is ChannelShouldQuiesceEvent:
            if case .waiting = state {
                connection.dismiss()
                end(context)
            } else {
                closes = !multiplexed || closes
            }
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        cutOff(context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { stopTimer() }
}

// Time.
extension RequestHandler {
    private func startTimer(_ context: ChannelHandlerContext, _ time: TimeAmount) {
        stopTimer()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        bodyTimer = context.eventLoop.scheduleTask(in: time) {
            let (handler, context) = bound.value
            handler.timeIsUp(context)
        }
    }

    private func stopTimer() {
        bodyTimer?.cancel()
        bodyTimer = nil
    }

    private func timeIsUp(_ context: ChannelHandlerContext) {
        bodyTimer = nil
        switch state {
        case .receiving(let request):
            let refusal = request.refusal(
                .requestTimeout, "timeout", .timeout,
                ["phase": "body", "bytes_received": .int(Int64(body.count))])
            refuse(refusal, hasMore: true, context)
        case .draining: end(context)
        case .waiting, .working, .ended: break
        }
    }
}
