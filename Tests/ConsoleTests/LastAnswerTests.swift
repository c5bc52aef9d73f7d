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
    private final class Wire: ChannelOutboundHandler {
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

    private final class Scene {
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
        scene.linger()
        #expect(scene.wire.closings == [.output, .all])
    }

    @Test(arguments: [false, true])
    func aCallerThatHasItEndsTheConnection(isEarly: Bool) throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": "close"])
        if isEarly { scene.fire(ChannelEvent.inputClosed) }
        try scene.answer()
        if !isEarly { scene.fire(ChannelEvent.inputClosed) }
        #expect(scene.wire.closings == [.output, .all])
    }

    /// The server says that it writes no more as soon as it has written; to a caller that has closed its side that would be the end.
    @Test(arguments: [false, true])
    func theEndWaitsUntilTheAnswerHasGoneOut(isLast: Bool) throws {
        let scene = try Scene()
        scene.request("/a", .GET, isLast ? ["connection": "close"] : [:])
        scene.fire(ChannelEvent.inputClosed)
        scene.wire.isStuck = true
        try scene.answer()
        scene.channel.close(mode: .output, promise: nil)
        #expect(scene.wire.closings.isEmpty)
        scene.wire.goOn()
        #expect(scene.wire.closings == [.output, .all])
    }

    /// Of an answer that is short enough for the clock of requests not to see that it waits.
    @Test(arguments: [false, true])
    func whoDoesNotReadTheEndOfAnAnswerIsNotWaitedForForEver(isStopping: Bool) throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": "close"])
        scene.wire.isStuck = true
        try scene.answer()
        scene.channel.close(mode: .output, promise: nil)
        if isStopping { scene.fire(ChannelShouldQuiesceEvent()) }
        scene.linger()
        #expect(scene.wire.closings == (isStopping ? [.all] : []))
        // What comes behind it has no time of its own.
        scene.channel.pipeline.fireChannelRead(ByteBuffer(string: "GET"))
        let second = TimeAmount.seconds(1)
        scene.channel.embeddedEventLoop.advanceTime(by: LastAnswer.reading - LastAnswer.lingering - second)
        #expect(scene.wire.closings == (isStopping ? [.all] : []))
        scene.channel.embeddedEventLoop.advanceTime(by: second)
        #expect(scene.wire.closings == [.all])
        scene.wire.goOn()
    }

    /// As when what writes it fails: its end never comes.
    @Test func aConnectionWhoseAnswerIsBrokenOffIsClosedAtOnce() throws {
        let scene = try Scene()
        scene.request("/a")
        try scene.begin([:])
        scene.channel.close(mode: .output, promise: nil)
        scene.channel.close(mode: .all, promise: nil)
        #expect(scene.wire.closings == [.output, .all])
    }

    /// As the server does where a request says `close`: it does not read the body. Nobody waits for the rest of it.
    @Test func aBodyThatNobodyReadsIsThrownAwayForAWhile() throws {
        let scene = try Scene()
        scene.begin("/a", .POST, ["connection": "close"])
        try scene.answer()
        scene.channel.close(mode: .output, promise: nil)
        let reads = scene.wire.reads
        scene.send(.body(ByteBuffer(repeating: 0, count: 5)))
        scene.channel.pipeline.fireChannelReadComplete()
        #expect(scene.wire.reads == reads + 1 && scene.wire.closings == [.output])
        scene.send(.end(nil))
        scene.linger()
        #expect(scene.responder.heard == ["/a"] && scene.wire.closings == [.output, .all])
    }

    /// The parser keeps all that comes behind such a request.
    @Test(arguments: [HTTPMethod.GET, .CONNECT])
    func nothingIsReadBehindARequestForAnotherProtocol(method: HTTPMethod) throws {
        let scene = try Scene()
        scene.request("/a", method, method == .GET ? ["connection": "Upgrade", "upgrade": "h2c"] : [:])
        try scene.answer()
        let reads = scene.wire.reads
        scene.channel.pipeline.fireChannelReadComplete()
        #expect(try scene.connection() == ["close"])
        #expect(scene.wire.reads == reads && scene.wire.closings == [.output])
        scene.linger()
        #expect(scene.wire.closings == [.output, .all])
    }

    @Test(arguments: [HTTPVersion.http1_0, .http1_1])
    func callersOfHTTP10GetNoChunks(version: HTTPVersion) throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": "keep-alive"], version: version)
        try scene.answer([:])
        let head = try #require(try scene.head())
        #expect(head.version == version)
        #expect(head.headers["connection"] == (version == .http1_0 ? ["close"] : []))
    }

    // MARK: Answers whose end is that of the connection

    @Test(arguments: [(HTTPVersion.http1_0, false), (.http1_0, true), (.http1_1, false)])
    func anAnswerThatOnlyTheConnectionEndsIsResetWhenItIsBrokenOff(version: HTTPVersion, hasLength: Bool)
        throws
    {
        let scene = try Scene()
        scene.request("/a", version: version)
        try scene.begin(hasLength ? ["content-length": "7"] : [:])
        scene.channel.close(mode: .output, promise: nil)
        scene.channel.close(mode: .all, promise: nil)
        let isReset = version == .http1_0 && !hasLength
        #expect(scene.wire.closings == (isReset ? [.all, .all] : [.output, .all]))
        #expect(scene.cut.isUnderWay == isReset)
    }

    @Test func anAnswerThatOnlyTheConnectionEndsAndThatNobodyReadsToItsEndIsReset() throws {
        let scene = try Scene()
        scene.request("/a", version: .http1_0)
        scene.wire.isStuck = true
        try scene.answer([:])
        scene.channel.close(mode: .output, promise: nil)
        scene.channel.embeddedEventLoop.advanceTime(by: LastAnswer.reading)
        #expect(scene.wire.closings == [.all] && scene.cut.isUnderWay)
        scene.wire.goOn()
    }

    @Test func anAnswerThatOnlyTheConnectionEndsIsNotResetOnceItHasGoneOut() throws {
        let scene = try Scene()
        scene.request("/a", version: .http1_0)
        scene.wire.isStuck = true
        try scene.answer([:])
        #expect(scene.wire.closings.isEmpty && scene.cut.isUnderWay)
        scene.wire.goOn()
        #expect(scene.wire.closings == [.output] && !scene.cut.isUnderWay)
    }

    @Test func thatAnEarlierAnswerGoesOutIsNoEndOfTheOneBehindIt() throws {
        let scene = try Scene()
        scene.request("/a")
        scene.request("/b", version: .http1_0)
        scene.wire.isStuck = true
        try scene.answer()
        try scene.begin([:])
        scene.wire.goOn()
        #expect(scene.cut.isUnderWay)
    }

    // MARK: The server stops

    @Test func toBeToldTwiceIsToBeToldOnce() throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": "close"])
        try scene.answer()
        scene.fire(ChannelShouldQuiesceEvent())
        #expect(scene.wire.closings == [.output])
    }

    @Test(arguments: [false, true])
    func whoIsBeingAnsweredHasItsAnswer(hasHead: Bool) throws {
        let scene = try Scene()
        scene.request("/a")
        scene.request("/b")
        if hasHead { try scene.begin(["content-length": "0"]) }
        scene.fire(ChannelShouldQuiesceEvent())
        #expect(scene.wire.closings.isEmpty)
        if hasHead { try scene.end() } else { try scene.answer() }
        #expect(scene.responder.heard == ["/a", "end"] && scene.wire.closings == [.output])
        scene.linger()
        #expect(scene.wire.closings == [.output, .all])
    }

    @Test(arguments: [false, true])
    func aConnectionThatNobodyAsksAnythingOnIsClosedAtOnce(wasUsed: Bool) throws {
        let scene = try Scene()
        if wasUsed {
            scene.request("/a")
            try scene.answer()
        }
        scene.fire(ChannelShouldQuiesceEvent())
        scene.fire(ChannelShouldQuiesceEvent())
        #expect(scene.wire.closings == [.all])
    }

    // MARK: What cannot be parsed

    @Test func whatCannotBeParsedBehindTheLastRequestIsNobodys() throws {
        let scene = try Scene()
        scene.request("/a", .GET, ["connection": "close"])
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.closedConnection)
        try scene.answer()
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.closedConnection)
        #expect(scene.responder.errors == 0 && scene.wire.closings == [.output])
    }

    @Test func theBodyOfARequestBehindTheLastOneIsNobodysEither() throws {
        let scene = try Scene()
        scene.request("/a")
        scene.begin("/b", .POST)
        try scene.begin(["connection": "close", "content-length": "0"])
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
        try scene.end()
        #expect(scene.responder.heard == ["/a", "end"] && scene.responder.errors == 0)
        #expect(scene.wire.closings == [.output])
    }

    @Test func aBrokenBodyBehindItsAnswerGetsNoSecondOne() throws {
        let scene = try Scene()
        scene.begin("/a", .POST)
        try scene.answer()
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
        #expect(scene.responder.errors == 0 && scene.wire.closings == [.output])
    }

    @Test(arguments: [false, true])
    func whatCannotBeParsedIsTheServersToAnswer(isInBody: Bool) throws {
        let scene = try Scene()
        if isInBody { scene.begin("/a", .POST) }
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
        #expect(scene.responder.errors == 1 && scene.wire.closings.isEmpty)
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
