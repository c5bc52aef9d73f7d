// One request after the other, a few in a turn of the event loop, and what ends the connection behind them all.
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import WebhookReceiver

@Suite struct RequestQueueTests {
    /// Behind the queue: what is let through, in words. Answers when it is told to, or at once.
    private final class RequestListener: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        let answersAtOnce: Bool
        var heard: [String] = []

        init(answersAtOnce: Bool) { self.answersAtOnce = answersAtOnce }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): heard.append(head.uri)
            case .body(let bytes): heard.append("body \(bytes.readableBytes)")
            case .end:
                heard.append("end")
                if answersAtOnce { answer(context) }
            }
        }

        func answer(_ context: ChannelHandlerContext) {
            context.writeAndFlush(
                wrapOutboundOut(.head(.init(version: .http1_1, status: .ok))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { heard.append("error") }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            heard.append("\(event)")
        }
    }

    private struct Failure: Error {}

    private final class Scene {
        let channel = EmbeddedChannel()
        let listener: RequestListener

        init(answersAtOnce: Bool) throws {
            listener = RequestListener(answersAtOnce: answersAtOnce)
            try channel.pipeline.syncOperations.addHandlers(RequestQueue(), listener)
            channel.embeddedEventLoop.run()
        }

        func request(_ name: String, body: Int? = nil) {
            let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: name)
            send(.head(head))
            if let body { send(.body(ByteBuffer(repeating: 0, count: body))) }
            send(.end(nil))
        }

        /// Part of a read that goes on.
        func send(_ part: HTTPServerRequestPart) { channel.pipeline.fireChannelRead(part) }

        func answer() throws {
            listener.answer(try channel.pipeline.syncOperations.context(handler: listener))
            channel.embeddedEventLoop.run()
        }
    }

    @Test func theNextRequestComesWhenTheOneBeforeIsAnswered() throws {
        let scene = try Scene(answersAtOnce: false)
        for name in ["a", "b", "c"] { scene.request(name, body: 3) }
        #expect(scene.listener.heard == ["a", "body 3", "end"])
        try scene.answer()
        #expect(scene.listener.heard == ["a", "body 3", "end", "b", "body 3", "end"])
        try scene.answer()
        try scene.answer()
        #expect(scene.listener.heard.count == 9)
    }

    @Test func whatEndsTheConnectionComesBehindAllRequests() throws {
        let scene = try Scene(answersAtOnce: false)
        scene.request("a")
        scene.request("b")
        scene.channel.pipeline.fireErrorCaught(Failure())
        scene.channel.pipeline.fireErrorCaught(Failure())
        scene.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(scene.listener.heard == ["a", "end"])
        try scene.answer()
        #expect(scene.listener.heard == ["a", "end", "b", "end"])
        try scene.answer()
        #expect(scene.listener.heard == ["a", "end", "b", "end", "error", "inputClosed"])
    }

    /// An early answer is not the end of a request: its body is still to come, and to be thrown away.
    @Test func aRequestThatWasAnsweredEarlyIsReadToItsEnd() throws {
        let scene = try Scene(answersAtOnce: false)
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "a")
        scene.send(.head(head))
        try scene.answer()
        scene.send(.body(ByteBuffer(repeating: 0, count: 5)))
        scene.send(.end(nil))
        scene.request("b")
        #expect(scene.listener.heard == ["a", "body 5", "end", "b", "end"])
    }

    @Test(arguments: [1, 15, 16, 17, 40, 100])
    func ofManyRequestsInOneReadFewAreDoneInOneTurn(count: Int) throws {
        let scene = try Scene(answersAtOnce: true)
        for index in 0..<count { scene.request("\(index)") }
        #expect(scene.listener.heard.count == 2 * min(count, RequestQueue.mostInTurn))
        scene.channel.pipeline.fireChannelReadComplete()
        // Each call runs what is due now, and not what that schedules.
        var turns = 0
        while scene.listener.heard.count < 2 * count, turns < 100 {
            turns += 1
            scene.channel.embeddedEventLoop.run()
        }
        #expect(scene.listener.heard == (0..<count).flatMap { ["\($0)", "end"] })
    }

    @Test func oneReadMayComeWhileARequestIsAnsweredAndNoneWhileAnotherWaits() throws {
        final class Reads: ChannelOutboundHandler {
            typealias OutboundIn = Never
            var count = 0
            func read(context: ChannelHandlerContext) { count += 1 }
        }
        let scene = try Scene(answersAtOnce: false)
        let reads = Reads()
        try scene.channel.pipeline.syncOperations.addHandler(reads, position: .first)
        scene.channel.pipeline.read()
        #expect(reads.count == 1)
        scene.request("a")
        scene.channel.pipeline.read()
        #expect(reads.count == 2, "a is being answered")
        scene.request("b")
        scene.channel.pipeline.read()
        #expect(reads.count == 2, "b waits")
        try scene.answer()
        #expect(reads.count == 3, "b is being answered")
        try scene.answer()
        #expect(reads.count == 3)
    }
}
