// How long a request may take to come, and how long its answer may wait to be read: who sends byte by byte, or reads nothing, is sent
// away, and the ledger says so.
import Admission
import HTTPTypes
import JSON
import NIOCore
import NIOHTTPTypes

/// Below HTTP: sees the first bytes of a request.
final class RequestClock: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// For a request's head, and for its body.
    static let head = TimeAmount.seconds(10)
    static let body = TimeAmount.seconds(60)
    /// For a part of an answer that fills what the gate and the system keep for the connection. The server's own idle timer does not
    /// run while a request is being answered.
    private let reading: TimeAmount

    private enum State {
        case idle, head, body
        /// A request has come whole, and waits for its answer, which may take as long as it likes.
        case answering
    }

    private let peer: Endpoint?
    private let note: ConsoleChannel.Note
    private var state = State.idle
    /// The request that is still coming has its answer already.
    private var isAnswered = false
    /// Something of the next request came while the present one was being answered: it is looked at when that has ended.
    private var hasMore = false
    private var isStopped = false
    private var timer: Scheduled<Void>?
    private var readingTimer: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    init(
        _ peer: Endpoint?, _ note: @escaping ConsoleChannel.Note, reading: TimeAmount = RequestClock.body
    ) {
        self.peer = peer
        self.note = note
        self.reading = reading
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        cancel()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .idle: wait(.head, Self.head)
        case .answering: hasMore = true
        case .head, .body: break
        }
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        cancel()
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readingTimer?.cancel()
        readingTimer =
            context.channel.isWritable
            ? nil
            : context.eventLoop.assumeIsolated().scheduleTask(in: reading) { [weak self] in
                self?.end("an answer was not read")
            }
        context.fireChannelWritabilityChanged()
    }

    private func cancel() {
        timer?.cancel()
        readingTimer?.cancel()
    }

    /// No request is awaited any more.
    func stop() {
        isStopped = true
        timer?.cancel()
    }

    fileprivate func headHasCome() {
        isAnswered = false
        wait(.body, Self.body)
    }

    fileprivate func requestHasCome() {
        timer?.cancel()
        state = isAnswered ? .idle : .answering
        hasMore = false
    }

    fileprivate func answerIsGiven() {
        isAnswered = true
        guard state == .answering else { return }
        state = .idle
        if hasMore { wait(.head, Self.head) }
    }

    private func wait(_ next: State, _ time: TimeAmount) {
        guard !isStopped else { return }
        state = next
        timer?.cancel()
        // The loop that runs it is the channel's own.
        timer = context?.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in self?.isOver() }
    }

    private func isOver() {
        end(state == .head ? "the head of a request took too long" : "a body took too long")
    }

    private func end(_ why: String) {
        note(.timeout, peer, ["message": .string(why)])
        context?.close(promise: nil)
    }
}

/// Above HTTP: tells the clock how far the request is, and its answer.
final class RequestMarks: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var clock: RequestClock?

    func handlerAdded(context: ChannelHandlerContext) {
        clock = try? context.pipeline.syncOperations.handler(type: RequestClock.self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: clock?.headHasCome()
        case .body: break
        case .end: clock?.requestHasCome()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // Before it goes on, for then the next request comes.
        if case .end = unwrapOutboundIn(data) { clock?.answerIsGiven() }
        context.write(data, promise: promise)
    }
}
