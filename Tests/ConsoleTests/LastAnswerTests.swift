// Behind the last answer of a connection nothing is carried out, and the connection ends when the answer has had time to arrive. Answers to
// HEAD end with their heads.
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Console

@Suite struct LastAnswerTests {
    /// Above: what is let through, in words. Answers when it is told to.
    private final class Responder: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        var heard: [String] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): heard.append(head.uri)
            case .body(let bytes): heard.append("body \(bytes.readableBytes)")
            case .end: heard.append("end")
            }
        }

        func answer(_ context: ChannelHandlerContext, _ fields: HTTPHeaders) {
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: fields)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    /// Below: what is asked of the connection.
    private final class Wire: ChannelOutboundHandler {
        typealias OutboundIn = HTTPServerResponsePart
        typealias OutboundOut = HTTPServerResponsePart

        var reads = 0
        var closings: [CloseMode] = []

        func read(context: ChannelHandlerContext) { reads += 1 }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            closings.append(mode)
            promise?.succeed()
        }
    }

    private final class Scene {
        let channel = EmbeddedChannel()
        let wire = Wire()
        let responder = Responder()

        init() throws {
            let last = LastAnswer(age: ConnectionAge(most: .seconds(300)))
            try channel.pipeline.syncOperations.addHandlers(
                [wire, last, HTTPServerPipelineHandler(), responder])
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

        func send(_ part: HTTPServerRequestPart) { channel.pipeline.fireChannelRead(part) }

        func answer(_ fields: HTTPHeaders = ["content-length": "0"]) throws {
            responder.answer(try channel.pipeline.syncOperations.context(handler: responder), fields)
            channel.embeddedEventLoop.run()
        }

        /// What was written since the last look.
        func written() throws -> [HTTPServerResponsePart] {
            var parts: [HTTPServerResponsePart] = []
            while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) { parts.append(part) }
            return parts
        }

        /// What the last answer says of the connection.
        func connection() throws -> [String] {
            guard case .head(let head)? = try written().first else { return ["no answer"] }
            return head.headers["connection"]
        }
    }

    @Test(arguments: [
        ("close", false), ("Close", false), ("keep-alive, close ", false), ("close,te", false), ("te", true),
    ])
    func nothingIsLetThroughBehindARequestThatAsksForTheEnd(option: String, isOld: Bool) throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": option], version: isOld ? .http1_0 : .http1_1)
        scene.request("/b")
        try scene.answer()
        scene.request("/c")
        #expect(scene.responder.heard == ["/a", "end"])
        #expect(try scene.connection() == ["close"])
    }

    @Test func nothingIsLetThroughBehindAnAnswerThatSaysTheEnd() throws {
        let scene = try Scene()
        scene.request("/a")
        scene.request("/b")
        try scene.answer(["connection": "close", "content-length": "0"])
        #expect(scene.responder.heard == ["/a", "end"])
    }

    @Test(arguments: ["keep-alive", "te", "closed"])
    func anotherOptionIsNoEnd(option: String) throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": option])
        scene.request("/b")
        try scene.answer()
        #expect(scene.responder.heard == ["/a", "end", "/b", "end"] && scene.wire.closings.isEmpty)
        #expect(try scene.connection() == [])
    }

    @Test func aRequestThatWasAnsweredEarlyIsReadToItsEndFirst() throws {
        let scene = try Scene()
        scene.begin("/a", .POST, ["connection": "close"])
        try scene.answer()
        scene.send(.body(ByteBuffer(repeating: 0, count: 5)))
        #expect(scene.wire.closings.isEmpty)
        scene.send(.end(nil))
        #expect(scene.responder.heard == ["/a", "body 5", "end"] && scene.wire.closings == [.output])
    }

    /// What comes meanwhile is thrown away: unread, it would reset the connection.
    @Test func theLastAnswerHasTimeToArrive() throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": "close"])
        try scene.answer()
        #expect(scene.wire.closings == [.output])
        let reads = scene.wire.reads
        scene.request("/b")
        scene.channel.pipeline.fireChannelReadComplete()
        #expect(scene.responder.heard == ["/a", "end"] && scene.wire.reads == reads + 1)
        scene.channel.embeddedEventLoop.advanceTime(by: LastAnswer.lingering)
        #expect(scene.wire.closings == [.output, .all])
    }

    @Test func aCallerThatHasItEndsTheConnection() throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": "close"])
        try scene.answer()
        scene.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(scene.wire.closings == [.output, .all])
    }

    /// As when the gate stops meanwhile.
    @Test func toBeToldTwiceIsToBeToldOnce() throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": "close"])
        try scene.answer()
        scene.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(scene.wire.closings == [.output])
    }

    // MARK: HEAD

    /// The head of a chunked answer would be followed by the end of its body.
    @Test(arguments: [(HTTPMethod.HEAD, false, false), (.HEAD, true, true), (.GET, false, true)])
    func anAnswerWithoutALengthToHeadEndsWithItsHead(method: HTTPMethod, hasLength: Bool, hasEnd: Bool) throws
    {
        let scene = try Scene()
        // A request behind it is not taken for it.
        scene.request("/a", method)
        scene.request("/b", method == .HEAD ? .GET : .HEAD)
        try scene.answer(hasLength ? ["content-length": "7"] : [:])
        let parts = try scene.written()
        #expect(parts.count == 2)
        if case .end? = parts.last { #expect(hasEnd) } else { #expect(!hasEnd) }
        #expect(scene.responder.heard == ["/a", "end", "/b", "end"])
    }
}
