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
    /// Something has come behind the last request that is whole. While that is being answered, the time of the next one waits.
    private var hasMore = false
    /// An answer is on its way: who reads it slowly has time for that before the next request.
    private var isSending = false
    private var isStopped = false
    private var timer: Scheduled<Void>?
    private var readingTimer: Scheduled<Void>?
    private var sendingTimer: Scheduled<Void>?
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
        var bytes = unwrapInboundIn(data)
        // The last byte by itself: a request that is whole before it has something of the next one behind it, and the parser does not
        // say so.
        if bytes.readableBytes > 1, let others = bytes.readSlice(length: bytes.readableBytes - 1) {
            pass(others, context)
            // An empty line that ends what came with a request is nothing of the next one (RFC 9112, 2.2).
            if !hasMore, bytes.readableBytesView.first == UInt8(ascii: "\n") {
                return context.fireChannelRead(wrapInboundOut(bytes))
            }
        }
        pass(bytes, context)
    }

    private func pass(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        hasMore = true
        awaitHead()
        context.fireChannelRead(wrapInboundOut(bytes))
    }

    func channelInactive(context: ChannelHandlerContext) {
        cancel()
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        restart(&readingTimer, unless: context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    private func restart(_ timer: inout Scheduled<Void>?, unless isRead: Bool) {
        timer?.cancel()
        timer =
            isRead
            ? nil
            : context?.eventLoop.assumeIsolated().scheduleTask(in: reading) { [weak self] in
                self?.end("an answer was not read")
            }
    }

    private func cancel() {
        timer?.cancel()
        readingTimer?.cancel()
        sendingTimer?.cancel()
    }

    /// No request is awaited any more, and the last answer has a time of its own.
    func stop() {
        isStopped = true
        timer?.cancel()
        sendingTimer?.cancel()
    }

    /// The parser has come to the end of a request, which may have to wait for its turn.
    func requestIsWhole() { hasMore = false }

    fileprivate func headHasCome() {
        isAnswered = false
        wait(.body, Self.body)
    }

    fileprivate func requestHasCome() {
        timer?.cancel()
        state = isAnswered ? .idle : .answering
    }

    /// All of it by the server, which does not mean that it has gone out.
    func answerIsGiven() {
        isAnswered = true
        if !isSending { restart(&sendingTimer, unless: isStopped) }
        isSending = true
        if state == .answering { state = .idle }
    }

    /// - Parameter hasMore: others are still on their way.
    func answerIsOut(hasMore: Bool) {
        isSending = hasMore
        restart(&sendingTimer, unless: !hasMore || isStopped)
        awaitHead()
    }

    private func awaitHead() {
        if state == .idle, hasMore, !isSending { wait(.head, Self.head) }
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

/// Above HTTP: tells the clock how far the request is whose turn it is.
final class RequestMarks: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

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
}
