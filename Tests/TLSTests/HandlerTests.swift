// The handler in a pipeline: two embedded channels that carry each other's bytes.
import Glibc
import NIOCore
import NIOEmbedded
import NIOTLS
import TLS
import TLSChannel
import TLSSupport
import Testing

/// What the handlers behind TLS are told.
private final class Listener: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    var text: [UInt8] = []
    var failures: [TLSError] = []
    var events: [String] = []
    var isInactive = false
    var reads = 0
    /// Reads by hand, as a handler does whose channel has no `autoRead`.
    var readsAgain = false

    func channelReadComplete(context: ChannelHandlerContext) {
        if readsAgain { context.read() }
        context.fireChannelReadComplete()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reads += 1
        text += unwrapInboundIn(data).readableBytesView
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let name): events.append("handshake \(name ?? "none")")
        case ChannelEvent.inputClosed: events.append("input closed")
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let failure = error as? TLSError { failures.append(failure) }
    }

    func channelInactive(context: ChannelHandlerContext) { isInactive = true }
}

private final class Ends {
    let server = EmbeddedChannel()
    let client = EmbeddedChannel()
    let atServer = Listener()
    let atClient = Listener()

    init(halfClosure: Bool = false) throws {
        let contexts = try EnginePair.contexts()
        server.allowRemoteHalfClosure = halfClosure
        client.allowRemoteHalfClosure = halfClosure
        try server.pipeline.syncOperations.addHandlers([try TLSHandler(contexts.server, .server), atServer])
        try client.pipeline.syncOperations.addHandlers([
            try TLSHandler(contexts.client, .client(host: "localhost")), atClient,
        ])
        try server.connect(to: SocketAddress(unixDomainSocketPath: "/s")).wait()
        try client.connect(to: SocketAddress(unixDomainSocketPath: "/c")).wait()
    }

    /// Carries bytes until there are none.
    func carry() throws {
        var isMoving = true
        while isMoving {
            isMoving = false
            while let bytes = try client.readOutbound(as: ByteBuffer.self) {
                isMoving = true
                if server.isActive { try server.writeInbound(bytes) }
            }
            while let bytes = try server.readOutbound(as: ByteBuffer.self) {
                isMoving = true
                if client.isActive { try client.writeInbound(bytes) }
            }
            client.embeddedEventLoop.run()
            server.embeddedEventLoop.run()
        }
    }

    /// Carries bytes between the server and an engine that stands in for the client: embedded channels cannot be closed
    /// in half, nor ask for new keys.
    func carry(_ peer: TLSEngine) throws {
        if let bytes = peer.takeOutput({ ByteBuffer(bytes: $0) }) { try server.writeInbound(bytes) }
        while let bytes = try server.readOutbound(as: ByteBuffer.self) {
            bytes.withUnsafeReadableBytes { peer.receive($0) }
        }
    }

    func end() {
        for channel in [server, client] {
            channel.close(promise: nil)
            channel.embeddedEventLoop.advanceTime(by: .seconds(10))
        }
    }
}

/// How often the socket is asked for more.
private final class ReadCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    var reads = 0

    func read(context: ChannelHandlerContext) {
        reads += 1
        context.read()
    }
}

/// A socket that takes nothing more.
private final class StuckSocket: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    var isOpen = true
    private var kept: [EventLoopPromise<Void>?] = []

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isOpen { context.write(data, promise: promise) } else { kept.append(promise) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        for promise in kept { promise?.fail(ChannelError.ioOnClosedChannel) }
    }
}

/// How a future has ended by now; nothing is waited for.
private func outcome(_ future: EventLoopFuture<Void>) throws {
    let box = NIOLoopBoundBox<Result<Void, any Error>?>(nil, eventLoop: future.eventLoop)
    future.whenComplete { box.value = $0 }
    try #require(box.value, "not done yet").get()
}

@Suite struct HandlerTests {
    private static func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test func textGoesBothWaysAfterTheHandshakeIsTold() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        #expect(
            ends.atServer.events == ["handshake http/1.1"] && ends.atClient.events == ["handshake http/1.1"])
        try ends.client.writeOutbound(Self.bytes("question"))
        try ends.carry()
        #expect(ends.atServer.text == Array("question".utf8))
        try ends.server.writeOutbound(Self.bytes(String(repeating: "x", count: 200_000)))
        try ends.carry()
        #expect(ends.atClient.text.count == 200_000)
    }

    @Test func whatIsWrittenBeforeTheHandshakeGoesOutAfterIt() throws {
        let ends = try Ends()
        defer { ends.end() }
        let written = ends.client.writeAndFlush(Self.bytes("early"))
        try ends.carry()
        try outcome(written)
        #expect(ends.atServer.text == Array("early".utf8))
    }

    /// The end of an answer is no byte of its own, and who closes behind it must not cut off what is before it.
    @Test func anEmptyWriteIsDoneWhenThoseBeforeItAre() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        let socket = StuckSocket()
        try ends.server.pipeline.syncOperations.addHandler(socket, position: .first)
        socket.isOpen = false
        ends.server.writeAndFlush(Self.bytes("answer"), promise: nil)
        let isDone = NIOLoopBoundBox(false, eventLoop: ends.server.eventLoop)
        ends.server.writeAndFlush(ByteBuffer()).whenComplete { _ in isDone.value = true }
        ends.server.embeddedEventLoop.run()
        #expect(!isDone.value)
    }

    @Test func manySmallWritesAreOneRecord() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        let promises = (0..<100).map { _ in ends.client.eventLoop.makePromise(of: Void.self) }
        for promise in promises { ends.client.write(Self.bytes("0123456789"), promise: promise) }
        #expect(try ends.client.readOutbound(as: ByteBuffer.self) == nil, "nothing before a flush")
        ends.client.flush()
        let sent = try #require(try ends.client.readOutbound(as: ByteBuffer.self))
        #expect(sent.getInteger(at: 0) == UInt8(23))
        #expect(sent.getInteger(at: 3, as: UInt16.self).map(Int.init) == sent.readableBytes - 5)
        for promise in promises { try outcome(promise.futureResult) }
        try ends.server.writeInbound(sent)
        #expect(ends.atServer.text.count == 1000)
    }

    /// They would be a packet of their own, for a caller that may never come back.
    @Test func ticketsGoOutWithTheFirstAnswer() throws {
        let ends = try Ends()
        defer { ends.end() }
        let hello = try #require(try ends.client.readOutbound(as: ByteBuffer.self))
        try ends.server.writeInbound(hello)
        let flight = try #require(try ends.server.readOutbound(as: ByteBuffer.self))
        try ends.client.writeInbound(flight)
        let finished = try #require(try ends.client.readOutbound(as: ByteBuffer.self))
        try ends.server.writeInbound(finished)
        #expect(ends.atServer.events.count == 1)
        #expect(try ends.server.readOutbound(as: ByteBuffer.self) == nil)
        try ends.server.writeOutbound(Self.bytes("answer"))
        let answer = try #require(try ends.server.readOutbound(as: ByteBuffer.self))
        #expect(answer.readableBytes > 200, "a ticket is among it")
        #expect(try ends.server.readOutbound(as: ByteBuffer.self) == nil, "and it is one write")
        try ends.client.writeInbound(answer)
        #expect(ends.atClient.text == Array("answer".utf8))
    }

    @Test func whatIsWrittenBeforeTheHandshakeIsBounded() throws {
        let ends = try Ends()
        defer { ends.end() }
        let piece = Self.bytes(String(repeating: "x", count: 1 << 19))
        let outcomes = (0..<4).map { _ in ends.client.writeAndFlush(piece) }
        #expect(throws: ChannelError.self) { try outcome(outcomes[3]) }
        try ends.carry()
        for written in outcomes[..<3] { try outcome(written) }
        #expect(ends.atServer.text.count == 3 << 19)
    }

    @Test func aRecordThatComesInTwoPiecesIsDeliveredInFew() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        ends.client.writeAndFlush(Self.bytes(String(repeating: "x", count: 16384)), promise: nil)
        var record = try #require(try ends.client.readOutbound(as: ByteBuffer.self))
        let early = record.readSlice(length: record.readableBytes - 100)
        let first = try #require(early)
        try ends.server.writeInbound(first)
        #expect(ends.atServer.text.isEmpty)
        try ends.server.writeInbound(record)
        #expect(ends.atServer.text.count == 16384 && ends.atServer.reads <= 2)
    }

    /// Without `autoRead`, who reads again after each read must get the rest of a record that came in pieces.
    @Test func aReadThatGaveNoTextIsAskedForAgain() throws {
        let ends = try Ends()
        defer { ends.end() }
        let counter = ReadCounter()
        try ends.server.pipeline.syncOperations.addHandler(counter, position: .first)
        try ends.carry()
        ends.atServer.readsAgain = true
        ends.client.writeAndFlush(Self.bytes("question"), promise: nil)
        var record = try #require(try ends.client.readOutbound(as: ByteBuffer.self))
        let early = record.readSlice(length: 10)
        let first = try #require(early)
        ends.server.read()
        var before = counter.reads
        try ends.server.writeInbound(first)
        #expect(counter.reads > before && ends.atServer.text.isEmpty)
        before = counter.reads
        try ends.server.writeInbound(record)
        #expect(ends.atServer.text == Array("question".utf8))
        #expect(counter.reads == before + 1, "the reader's own, and no other")
    }

    @Test func aPeerWhoseConnectionHasEndedIsNotWaitedFor() throws {
        let ends = try Ends(halfClosure: true)
        defer { ends.end() }
        try ends.carry()
        ends.server.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(ends.atServer.events.last == "input closed" && ends.server.isActive)
        let closed = ends.server.close()
        ends.server.embeddedEventLoop.run()
        try outcome(closed)
        #expect(!ends.server.isActive)
    }

    @Test func newKeysWithoutEndAreNoFaultOfAPeerThatReads() throws {
        let ends = try Ends()
        defer { ends.end() }
        let peer = try TLSEngine(EnginePair.contexts().client, .client(host: "localhost"))
        while try !peer.handshake() { try ends.carry(peer) }
        for _ in 0..<5_000 {
            try peer.askForNewKeys()
            try ends.carry(peer)
            _ = try peer.text()
        }
        #expect(ends.server.isActive && ends.atServer.failures.isEmpty)
    }

    @Test func anEndIsSaidAndAwaited() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        let closed = ends.server.close()
        #expect(ends.server.isActive, "the peer has not said so yet")
        try ends.carry()
        try outcome(closed)
        #expect(!ends.server.isActive && !ends.client.isActive)
        #expect(ends.atServer.failures.isEmpty && ends.atClient.failures.isEmpty)
    }

    @Test func aPeerThatDoesNotAnswerTheEndIsNotWaitedForLong() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        let closed = ends.server.close()
        ends.server.embeddedEventLoop.advanceTime(by: .seconds(4))
        #expect(ends.server.isActive)
        ends.server.embeddedEventLoop.advanceTime(by: .seconds(1))
        try outcome(closed)
        #expect(!ends.server.isActive)
    }

    @Test func aPeerThatGoesOnSendingAfterTheEndIsNotReadForLong() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        let closed = ends.server.close()
        let piece = ByteBuffer(repeating: 1, count: 1 << 20)
        var sent = 0
        while ends.server.isActive, sent < 8 {
            ends.client.writeAndFlush(piece, promise: nil)
            while let bytes = try ends.client.readOutbound(as: ByteBuffer.self) {
                if ends.server.isActive { try ends.server.writeInbound(bytes) }
            }
            sent += 1
        }
        #expect(sent == 5, "MiB after which the connection ended")
        try outcome(closed)
        #expect(ends.atServer.text.isEmpty && ends.atServer.failures.isEmpty)
    }

    /// Embedded channels cannot be closed in half, so the peer is an engine.
    @Test func aPeerThatHasClosedItsSideStillGetsItsAnswer() throws {
        let ends = try Ends(halfClosure: true)
        defer { ends.end() }
        let peer = try TLSEngine(EnginePair.contexts().client, .client(host: "localhost"))
        while try !peer.handshake() { try ends.carry(peer) }
        try peer.write(Array("question".utf8))
        peer.close()
        try ends.carry(peer)
        #expect(ends.atServer.text == Array("question".utf8))
        #expect(ends.atServer.events.last == "input closed" && ends.server.isActive)
        try ends.server.writeOutbound(Self.bytes("answer"))
        let closed = ends.server.close()
        try ends.carry(peer)
        try outcome(closed)
        let answer = try peer.text()
        #expect(answer.bytes == Array("answer".utf8) && answer.isClosed)
        #expect(ends.atServer.failures.isEmpty)
    }

    /// The engine would keep it: nothing takes it from there any more.
    @Test func whatAPeerSendsBehindItsEndIsNotKept() throws {
        let ends = try Ends(halfClosure: true)
        defer { ends.end() }
        let peer = try TLSEngine(EnginePair.contexts().client, .client(host: "localhost"))
        while try !peer.handshake() { try ends.carry(peer) }
        peer.close()
        try ends.carry(peer)
        #expect(ends.atServer.events.last == "input closed")
        let engine = try ends.server.pipeline.syncOperations.handler(type: TLSHandler.self).engine
        try ends.server.writeInbound(ByteBuffer(repeating: 0, count: 1 << 20))
        #expect(engine.pendingInput == 0 && ends.atServer.failures.isEmpty && ends.server.isActive)
    }

    /// A channel that is closed within a read never hears of the read's end, and what was put off until then stays for ever.
    @Test(arguments: [true, false])
    func theEndComesBehindTheReadThatBroughtIt(isGood: Bool) throws {
        final class Order: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            var heard: [String] = []
            func channelRead(context: ChannelHandlerContext, data: NIOAny) { heard.append("text") }
            func channelReadComplete(context: ChannelHandlerContext) { heard.append("end of the read") }
            func errorCaught(context: ChannelHandlerContext, error: any Error) { heard.append("error") }
            func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
                guard case ChannelEvent.inputClosed = event else { return }
                heard.append("end of input")
                context.close(promise: nil)
            }
        }
        let ends = try Ends(halfClosure: true)
        defer { ends.end() }
        let peer = try TLSEngine(EnginePair.contexts().client, .client(host: "localhost"))
        while try !peer.handshake() { try ends.carry(peer) }
        try ends.carry(peer)
        let order = Order()
        try ends.server.pipeline.syncOperations.addHandler(order)
        try ends.server.pipeline.syncOperations.removeHandler(ends.atServer).wait()
        try peer.write(Array("question".utf8))
        if isGood { peer.close() }
        var sent = try #require(peer.takeOutput { ByteBuffer(bytes: $0) })
        if !isGood { sent.writeString("no record at all") }
        try ends.server.writeInbound(sent)
        #expect(order.heard.prefix(3) == ["text", "end of the read", isGood ? "end of input" : "error"])
    }

    @Test func aPeerThatReadsNothingOfWhatItAsksForIsEnded() throws {
        let ends = try Ends()
        defer { ends.end() }
        let stuck = StuckSocket()
        try ends.server.pipeline.syncOperations.addHandler(stuck, position: .first)
        let peer = try TLSEngine(EnginePair.contexts().client, .client(host: "localhost"))
        stuck.isOpen = true
        while try !peer.handshake() {
            if let bytes = peer.takeOutput({ ByteBuffer(bytes: $0) }) { try ends.server.writeInbound(bytes) }
            while let bytes = try ends.server.readOutbound(as: ByteBuffer.self) {
                bytes.withUnsafeReadableBytes { peer.receive($0) }
            }
        }
        stuck.isOpen = false
        for _ in 0..<20_000 where ends.server.isActive {
            try peer.askForNewKeys()
            if let bytes = peer.takeOutput({ ByteBuffer(bytes: $0) }) { try ends.server.writeInbound(bytes) }
        }
        #expect(!ends.server.isActive && ends.atServer.failures.map(\.cause) == [.unread])
    }

    @Test func whoHearsThatItsWriteFailedMayWriteAgain() throws {
        let ends = try Ends()
        defer { ends.end() }
        let again = NIOLoopBoundBox<EventLoopFuture<Void>?>(nil, eventLoop: ends.server.embeddedEventLoop)
        let channel = NIOLoopBound(ends.server, eventLoop: ends.server.embeddedEventLoop)
        for _ in 0..<2 {
            ends.server.write(Self.bytes("early")).whenFailure { _ in
                again.value = channel.value.write(Self.bytes("again"))
            }
        }
        ends.server.close(promise: nil)
        ends.server.embeddedEventLoop.run()
        #expect(throws: ChannelError.self) { try outcome(try #require(again.value)) }
    }

    @Test(arguments: [true, false])
    func aPeerThatHasResetTheConnectionIsToldNothingMore(isOpen: Bool) throws {
        let ends = try Ends()
        defer { ends.end() }
        if isOpen { try ends.carry() }
        while try ends.server.readOutbound(as: ByteBuffer.self) != nil {}
        ends.server.pipeline.fireErrorCaught(IOError(errnoCode: ECONNRESET, reason: "read"))
        let late = ends.server.writeAndFlush(Self.bytes("too late"))
        let closed = ends.server.close()
        ends.server.embeddedEventLoop.run()
        try outcome(closed)
        #expect(throws: ChannelError.self) { try outcome(late) }
        #expect(try ends.server.readOutbound(as: ByteBuffer.self) == nil)
        #expect(ends.atServer.isInactive && ends.atServer.failures.isEmpty)
    }

    @Test func anEndWithoutCloseNotifyIsAFailureOfItsOwn() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        ends.server.pipeline.fireChannelInactive()
        #expect(ends.atServer.failures.map(\.cause) == [.truncated] && ends.atServer.isInactive)
        let early = try Ends()
        defer { early.end() }
        early.server.pipeline.fireChannelInactive()
        #expect(early.atServer.failures.map(\.cause) == [.closedInHandshake])
    }

    @Test func whatIsNoTLSEndsTheConnection() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.server.writeInbound(Self.bytes("GET / HTTP/1.1\r\n\r\n"))
        #expect(ends.atServer.failures.map(\.cause) == [.notTLS] && !ends.server.isActive)
    }

    @Test func aWriteToAFailedSessionFails() throws {
        let ends = try Ends()
        defer { ends.end() }
        try ends.carry()
        try ends.server.writeInbound(ByteBuffer(bytes: [23, 3, 3, 0, 32] + [UInt8](repeating: 0, count: 32)))
        #expect(ends.atServer.failures.count == 1)
        #expect(throws: (any Error).self) { try outcome(ends.server.writeAndFlush(Self.bytes("late"))) }
        // The alert reaches the peer.
        while let bytes = try ends.server.readOutbound(as: ByteBuffer.self) {
            try ends.client.writeInbound(bytes)
        }
        #expect(ends.atClient.failures.first?.alert == 20)
    }
}
