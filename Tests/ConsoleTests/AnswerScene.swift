// A connection of the console's, from behind its parser to what answers, without a network.
import NIOCore
import NIOEmbedded
import NIOHTTP1

@testable import Console

final class AnswerScene {
    /// Above: what is let through, in words. Answers when it is told to.
    final class Responder: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        var heard: [String] = []
        var errors = 0

        func errorCaught(context: ChannelHandlerContext, error: any Error) { errors += 1 }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): heard.append(head.uri)
            case .body(let bytes): heard.append("body \(bytes.readableBytes)")
            case .end: heard.append("end")
            }
        }

        func begin(_ context: ChannelHandlerContext, _ fields: HTTPHeaders) {
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: fields)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
        }

        func end(_ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    /// Below: what is asked of the connection.
    final class Wire: ChannelOutboundHandler {
        typealias OutboundIn = HTTPServerResponsePart
        typealias OutboundOut = HTTPServerResponsePart

        var reads = 0
        var closings: [CloseMode] = []
        /// What was written does not go out meanwhile.
        var isStuck = false
        private var waiting: [EventLoopPromise<Void>] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            context.write(data, promise: isStuck ? nil : promise)
            if isStuck, let promise { waiting.append(promise) }
        }

        func goOn() {
            isStuck = false
            for promise in waiting { promise.succeed() }
            waiting = []
        }

        func read(context: ChannelHandlerContext) { reads += 1 }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            closings.append(mode)
            promise?.succeed()
        }
    }

    let channel = EmbeddedChannel()
    let wire = Wire()
    let cut = CutAnswer()
    let responder = Responder()

    init() throws {
        let last = LastAnswer(age: ConnectionAge(most: .seconds(300)))
        try channel.pipeline.syncOperations.addHandlers(
            [wire, cut, RequestClock(nil) { _, _, _ in }, last, HTTPServerPipelineHandler(), responder])
    }

    func request(
        _ path: String, _ method: HTTPMethod = .GET, _ fields: HTTPHeaders = [:],
        version: HTTPVersion = .http1_1
    ) {
        begin(path, method, fields, version: version)
        send(.end(nil))
    }

    func begin(
        _ path: String, _ method: HTTPMethod = .GET, _ fields: HTTPHeaders = [:],
        version: HTTPVersion = .http1_1
    ) {
        send(.head(HTTPRequestHead(version: version, method: method, uri: path, headers: fields)))
    }

    /// As from the parser: the clock before it takes bytes.
    func send(_ part: HTTPServerRequestPart) {
        let clock = try? channel.pipeline.syncOperations.context(handlerType: RequestClock.self)
        clock?.fireChannelRead(NIOAny(part))
    }

    func answer(_ fields: HTTPHeaders = ["content-length": "0"]) throws {
        try begin(fields)
        try end()
    }

    func begin(_ fields: HTTPHeaders) throws {
        responder.begin(try channel.pipeline.syncOperations.context(handler: responder), fields)
    }

    func end() throws {
        responder.end(try channel.pipeline.syncOperations.context(handler: responder))
        channel.embeddedEventLoop.run()
    }

    /// What was written since the last look.
    func written() throws -> [HTTPServerResponsePart] {
        var parts: [HTTPServerResponsePart] = []
        while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) { parts.append(part) }
        return parts
    }

    /// What the last answer says of the connection.
    func connection() throws -> [String] { try head()?.headers["connection"] ?? ["no answer"] }

    /// Of the first answer since the last look.
    func head() throws -> HTTPResponseHead? {
        guard case .head(let head)? = try written().first else { return nil }
        return head
    }

    func fire(_ event: any Sendable) { channel.pipeline.fireUserInboundEventTriggered(event) }

    func linger() { channel.embeddedEventLoop.advanceTime(by: LastAnswer.lingering) }
}
