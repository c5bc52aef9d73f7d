// Bodies in very small chunks are taken, slowly; others at full speed.
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import WebhookReceiver

@Suite struct ParserWasteTests {
    private final class Reads: ChannelOutboundHandler {
        typealias OutboundIn = Never
        var count = 0
        func read(context: ChannelHandlerContext) { count += 1 }
    }

    @Test(arguments: [(1, false), (256, false), (257, true), (3000, true)])
    func aReadOfManyChunksIsFollowedByAPause(chunks: Int, pauses: Bool) throws {
        let channel = EmbeddedChannel()
        let reads = Reads()
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandlers(reads, ParserWaste(RawByteCounter()))
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: "/", headers: ["transfer-encoding": "chunked"])
        channel.pipeline.fireChannelRead(HTTPServerRequestPart.head(head))
        for _ in 0..<chunks {
            channel.pipeline.fireChannelRead(HTTPServerRequestPart.body(ByteBuffer(string: "x")))
        }
        channel.pipeline.fireChannelReadComplete()
        channel.pipeline.read()
        #expect(reads.count == (pauses ? 0 : 1))
        channel.embeddedEventLoop.advanceTime(by: ParserWaste.pauseForChunk * chunks)
        #expect(reads.count == 1)
        channel.pipeline.read()
        #expect(reads.count == 2)
    }
}
