// Reads are held back for a time, and none is lost.
import NIOCore
import NIOEmbedded
import Testing

@testable import WebhookReceiver

@Suite struct ReadPauseTests {
    private final class Reads: ChannelOutboundHandler {
        typealias OutboundIn = Never
        var count = 0
        func read(context: ChannelHandlerContext) { count += 1 }
    }

    private final class Pauser: ChannelOutboundHandler {
        typealias OutboundIn = Never
        let pause = ReadPause()
        func read(context: ChannelHandlerContext) { pause.read(context) }
    }

    private let channel = EmbeddedChannel()
    private let reads = Reads()
    private let pauser = Pauser()

    init() throws { try channel.pipeline.syncOperations.addHandlers(reads, pauser) }

    private func pause(_ time: TimeAmount) throws {
        let context = try channel.pipeline.syncOperations.context(handler: pauser)
        pauser.pause.begin(context, for: time)
    }

    @Test func withoutAPauseEveryReadPasses() {
        channel.pipeline.read()
        channel.pipeline.read()
        #expect(reads.count == 2)
    }

    @Test func readsOfAPauseComeAsOneAtItsEnd() throws {
        try pause(.milliseconds(10))
        channel.pipeline.read()
        channel.pipeline.read()
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(9))
        #expect(reads.count == 0)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(reads.count == 1)
        channel.pipeline.read()
        #expect(reads.count == 2)
    }

    @Test func aPauseInWhichNobodyReadsEndsQuietlyAndIsNotMadeLonger() throws {
        try pause(.milliseconds(10))
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(5))
        try pause(.milliseconds(10))
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(5))
        #expect(reads.count == 0)
        channel.pipeline.read()
        #expect(reads.count == 1)
    }
}
