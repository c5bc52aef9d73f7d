// One request of a connection after the other, none behind the last one, and answers to HEAD that end with their heads.
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import Console

@Suite struct RequestTurnsTests {
    /// Above: what is let through, in words. Answers when it is told to.
    private final class Responder: ChannelInboundHandler {
        typealias InboundIn = HTTPRequestPart
        typealias OutboundOut = HTTPResponsePart

        var heard: [String] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): heard.append(head.path ?? "")
            case .body(let bytes): heard.append("body \(bytes.readableBytes)")
            case .end: heard.append("end")
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { heard.append("error") }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            heard.append("\(event)")
        }

        func answer(_ context: ChannelHandlerContext, _ fields: HTTPFields) {
            let head = HTTPResponse(status: .ok, headerFields: fields)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    /// Below: what is asked of the connection.
    private final class Wire: ChannelOutboundHandler {
        typealias OutboundIn = HTTPResponsePart
        typealias OutboundOut = HTTPResponsePart

        var reads = 0
        var closings: [CloseMode] = []

        func read(context: ChannelHandlerContext) { reads += 1 }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            closings.append(mode)
            promise?.succeed()
        }
    }

    private struct Failure: Error {}

    private final class Scene {
        let channel = EmbeddedChannel()
        let wire = Wire()
        let responder = Responder()

        init() throws {
            try channel.pipeline.syncOperations.addHandlers(wire, RequestTurns(), responder)
            channel.embeddedEventLoop.run()
        }

        func request(
            _ path: String, _ method: HTTPRequest.Method = .get, body: Int? = nil, _ fields: HTTPFields = [:]
        ) {
            begin(path, method, fields)
            if let body { send(.body(ByteBuffer(repeating: 0, count: body))) }
            send(.end(nil))
        }

        func begin(_ path: String, _ method: HTTPRequest.Method = .get, _ fields: HTTPFields = [:]) {
            send(
                .head(
                    HTTPRequest(
                        method: method, scheme: "http", authority: "a", path: path, headerFields: fields)))
        }

        func send(_ part: HTTPRequestPart) { channel.pipeline.fireChannelRead(part) }

        func answer(_ fields: HTTPFields = [.contentLength: "0"]) throws {
            responder.answer(try channel.pipeline.syncOperations.context(handler: responder), fields)
            channel.embeddedEventLoop.run()
        }

        /// What was written since the last look.
        func written() throws -> [HTTPResponsePart] {
            var parts: [HTTPResponsePart] = []
            while let part = try channel.readOutbound(as: HTTPResponsePart.self) { parts.append(part) }
            return parts
        }
    }

    @Test func theNextRequestComesWhenTheOneBeforeIsAnswered() throws {
        let scene = try Scene()
        for path in ["/a", "/b", "/c"] { scene.request(path, .post, body: 3) }
        #expect(scene.responder.heard == ["/a", "body 3", "end"])
        try scene.answer()
        #expect(scene.responder.heard == ["/a", "body 3", "end", "/b", "body 3", "end"])
        try scene.answer()
        try scene.answer()
        #expect(scene.responder.heard.count == 9 && scene.wire.closings.isEmpty)
    }

    @Test func whatEndsTheConnectionComesBehindAllRequests() throws {
        let scene = try Scene()
        scene.request("/a")
        scene.request("/b")
        scene.channel.pipeline.fireErrorCaught(Failure())
        scene.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        try scene.answer()
        #expect(scene.responder.heard == ["/a", "end", "/b", "end"])
        try scene.answer()
        #expect(scene.responder.heard == ["/a", "end", "/b", "end", "error", "inputClosed"])
    }

    /// The decoder gives each piece behind a mistake as one more error, with its bytes.
    @Test func ofErrorsBehindAnUnansweredRequestOneIsKept() throws {
        let scene = try Scene()
        scene.request("/a")
        for _ in 0..<1000 { scene.channel.pipeline.fireErrorCaught(Failure()) }
        try scene.answer()
        #expect(scene.responder.heard == ["/a", "end", "error"])
        scene.channel.pipeline.fireErrorCaught(Failure())
        #expect(scene.responder.heard == ["/a", "end", "error", "error"])
    }

    /// An early answer is not the end of a request.
    @Test func aRequestThatWasAnsweredEarlyIsReadToItsEnd() throws {
        let scene = try Scene()
        scene.begin("/a", .post)
        try scene.answer()
        scene.send(.body(ByteBuffer(repeating: 0, count: 5)))
        scene.send(.end(nil))
        scene.request("/b")
        #expect(scene.responder.heard == ["/a", "body 5", "end", "/b", "end"])
    }

    @Test func noMoreThanOneWholeRequestWaits() throws {
        let scene = try Scene()
        func mayRead() -> Bool {
            let before = scene.wire.reads
            scene.channel.pipeline.read()
            return scene.wire.reads > before
        }
        scene.request("/a")
        #expect(mayRead())
        // It would seem to be slow.
        scene.begin("/b", .post)
        #expect(mayRead())
        scene.send(.end(nil))
        #expect(!mayRead())
        let before = scene.wire.reads
        try scene.answer()
        #expect(scene.wire.reads == before + 1, "what was asked for comes now")
        scene.begin("/c", .post)
        scene.send(.body(ByteBuffer(repeating: 0, count: RequestTurns.mostWaiting + 1)))
        #expect(!mayRead())
    }

    // MARK: The last one

    @Test(arguments: ["close", "Close", "keep-alive, close ", "close,te"])
    func nothingIsLetThroughBehindARequestThatAsksForTheEnd(option: String) throws {
        let scene = try Scene()
        scene.request("/a", .get, [.connection: option])
        scene.request("/b")
        try scene.answer()
        scene.request("/c")
        scene.channel.pipeline.fireErrorCaught(Failure())
        #expect(scene.responder.heard == ["/a", "end"])
        guard case .head(let head)? = try scene.written().first else {
            Issue.record("there is no answer")
            return
        }
        #expect(head.headerFields[.connection] == "close")
    }

    /// As the server does behind bytes that are no request.
    @Test func nothingIsLetThroughBehindAnAnswerThatSaysTheEnd() throws {
        let scene = try Scene()
        scene.request("/a")
        scene.request("/b")
        try scene.answer([.connection: "close", .contentLength: "0"])
        #expect(scene.responder.heard == ["/a", "end"])
    }

    @Test(arguments: ["keep-alive", "te", "closed"])
    func anotherOptionIsNoEnd(option: String) throws {
        let scene = try Scene()
        scene.request("/a", .get, [.connection: option])
        scene.request("/b")
        try scene.answer()
        #expect(scene.responder.heard == ["/a", "end", "/b", "end"] && scene.wire.closings.isEmpty)
    }

    @Test func theLastAnswerHasTimeToArrive() throws {
        let scene = try Scene()
        scene.request("/a", .get, [.connection: "close"])
        try scene.answer()
        #expect(scene.wire.closings == [.output])
        scene.channel.embeddedEventLoop.advanceTime(by: RequestTurns.lingering)
        #expect(scene.wire.closings == [.output, .all])
    }

    @Test func aCallerThatEndsItsSideIsNotWaitedFor() throws {
        let scene = try Scene()
        scene.request("/a", .get, [.connection: "close"])
        try scene.answer()
        scene.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(scene.wire.closings == [.output, .all] && scene.responder.heard == ["/a", "end"])
    }

    // MARK: HEAD

    /// The encoder would write the end of a chunked body for the end of an answer without a length.
    @Test(arguments: [true, false])
    func anAnswerToHeadHasNoEndOfABody(hasLength: Bool) throws {
        let scene = try Scene()
        scene.request("/a", .head)
        scene.request("/b", .get)
        try scene.answer(hasLength ? [.contentLength: "7"] : [:])
        let expected = hasLength ? HTTPResponsePart.end(nil) : HTTPResponsePart.body(ByteBuffer())
        #expect(try scene.written().last == expected)
        try scene.answer([:])
        #expect(try scene.written().last == HTTPResponsePart.end(nil), "an answer to GET has one")
    }
}
