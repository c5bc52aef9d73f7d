// Behind the last answer of a connection nothing is carried out, and the connection ends when the answer has had time to arrive. Answers to
// HEAD end with their heads.
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Console

@Suite struct LastAnswerTests {
    @Test(arguments: [
        ("close", false), ("Close", false), ("keep-alive, close ", false), ("close,te", false), ("te", true),
    ])
    func nothingIsLetThroughBehindARequestThatAsksForTheEnd(option: String, isOld: Bool) throws {
        let scene = try AnswerScene()
        scene.request("/a", .GET, ["connection": option], version: isOld ? .http1_0 : .http1_1)
        scene.request("/b")
        try scene.answer()
        scene.request("/c")
        #expect(scene.responder.heard == ["/a", "end"])
        #expect(try scene.connection() == ["close"])
    }

    @Test func nothingIsLetThroughBehindAnAnswerThatSaysTheEnd() throws {
        let scene = try AnswerScene()
        scene.request("/a")
        scene.request("/b")
        try scene.answer(["connection": "close", "content-length": "0"])
        #expect(scene.responder.heard == ["/a", "end"])
    }

    @Test(arguments: ["keep-alive", "te", "closed"])
    func anotherOptionIsNoEnd(option: String) throws {
        let scene = try AnswerScene()
        scene.request("/a", .GET, ["connection": option])
        scene.request("/b")
        try scene.answer()
        #expect(scene.responder.heard == ["/a", "end", "/b", "end"] && scene.wire.closings.isEmpty)
        #expect(try scene.connection() == [])
    }

    @Test func aRequestThatWasAnsweredEarlyIsReadToItsEndFirst() throws {
        let scene = try AnswerScene()
        scene.begin("/a", .POST, ["connection": "close"])
        try scene.answer()
        scene.send(.body(ByteBuffer(repeating: 0, count: 5)))
        #expect(scene.wire.closings.isEmpty)
        scene.send(.end(nil))
        #expect(scene.responder.heard == ["/a", "body 5", "end"] && scene.wire.closings == [.output])
    }

    /// What comes meanwhile is thrown away: unread, it would reset the connection.
    @Test func theLastAnswerHasTimeToArrive() throws {
        let scene = try AnswerScene()
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
        let scene = try AnswerScene()
        scene.request("/a", .GET, ["connection": "close"])
        if isEarly { scene.fire(ChannelEvent.inputClosed) }
        try scene.answer()
        if !isEarly { scene.fire(ChannelEvent.inputClosed) }
        #expect(scene.wire.closings == [.output, .all])
    }

    /// The server says that it writes no more as soon as it has written; to a caller that has closed its side that would be the end.
    @Test(arguments: [false, true])
    func theEndWaitsUntilTheAnswerHasGoneOut(isLast: Bool) throws {
        let scene = try AnswerScene()
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
        let scene = try AnswerScene()
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
        let scene = try AnswerScene()
        scene.request("/a")
        try scene.begin([:])
        scene.channel.close(mode: .output, promise: nil)
        scene.channel.close(mode: .all, promise: nil)
        #expect(scene.wire.closings == [.output, .all])
    }

    /// As the server does where a request says `close`: it does not read the body. Nobody waits for the rest of it.
    @Test func aBodyThatNobodyReadsIsThrownAwayForAWhile() throws {
        let scene = try AnswerScene()
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
        let scene = try AnswerScene()
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
        let scene = try AnswerScene()
        scene.request("/a", .GET, ["connection": "keep-alive"], version: version)
        try scene.answer([:])
        let head = try #require(try scene.head())
        #expect(head.version == version)
        #expect(head.headers["connection"] == (version == .http1_0 ? ["close"] : []))
    }

    // MARK: The server stops

    @Test func toBeToldTwiceIsToBeToldOnce() throws {
        let scene = try AnswerScene()
        scene.request("/a", .GET, ["connection": "close"])
        try scene.answer()
        scene.fire(ChannelShouldQuiesceEvent())
        #expect(scene.wire.closings == [.output])
    }

    @Test(arguments: [false, true])
    func whoIsBeingAnsweredHasItsAnswer(hasHead: Bool) throws {
        let scene = try AnswerScene()
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
        let scene = try AnswerScene()
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
        let scene = try AnswerScene()
        scene.request("/a", .GET, ["connection": "close"])
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.closedConnection)
        try scene.answer()
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.closedConnection)
        #expect(scene.responder.errors == 0 && scene.wire.closings == [.output])
    }

    @Test func theBodyOfARequestBehindTheLastOneIsNobodysEither() throws {
        let scene = try AnswerScene()
        scene.request("/a")
        scene.begin("/b", .POST)
        try scene.begin(["connection": "close", "content-length": "0"])
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
        try scene.end()
        #expect(scene.responder.heard == ["/a", "end"] && scene.responder.errors == 0)
        #expect(scene.wire.closings == [.output])
    }

    @Test func aBrokenBodyBehindItsAnswerGetsNoSecondOne() throws {
        let scene = try AnswerScene()
        scene.begin("/a", .POST)
        try scene.answer()
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
        #expect(scene.responder.errors == 0 && scene.wire.closings == [.output])
    }

    @Test(arguments: [false, true])
    func whatCannotBeParsedIsTheServersToAnswer(isInBody: Bool) throws {
        let scene = try AnswerScene()
        if isInBody { scene.begin("/a", .POST) }
        scene.channel.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
        #expect(scene.responder.errors == 1 && scene.wire.closings.isEmpty)
    }

    // MARK: HEAD

    /// The head of a chunked answer would be followed by the end of its body.
    @Test(arguments: [(HTTPMethod.HEAD, false, false), (.HEAD, true, true), (.GET, false, true)])
    func anAnswerWithoutALengthToHeadEndsWithItsHead(method: HTTPMethod, hasLength: Bool, hasEnd: Bool) throws
    {
        let scene = try AnswerScene()
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
