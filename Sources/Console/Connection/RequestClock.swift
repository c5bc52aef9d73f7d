// How long a request may take to come: who sends it byte by byte is sent away, and the ledger says so.
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

    private enum State { case idle, head, body }

    private let peer: Endpoint?
    private let note: ConsoleChannel.Note
    private var state = State.idle
    private var timer: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    init(_ peer: Endpoint?, _ note: @escaping ConsoleChannel.Note) {
        self.peer = peer
        self.note = note
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if state == .idle { wait(.head, Self.head) }
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    fileprivate func headHasCome() { wait(.body, Self.body) }

    fileprivate func requestHasCome() {
        timer?.cancel()
        state = .idle
    }

    private func wait(_ next: State, _ time: TimeAmount) {
        state = next
        timer?.cancel()
        // The loop that runs it is the channel's own.
        timer = context?.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in self?.isOver() }
    }

    private func isOver() {
        note(
            .timeout, peer,
            [
                "message": .string(
                    state == .head ? "the head of a request took too long" : "a body took too long")
            ])
        context?.close(promise: nil)
    }
}

/// Above HTTP: tells the clock how far the request is.
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
