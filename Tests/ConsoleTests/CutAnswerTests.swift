// Answers whose end is that of the connection: where they are cut short the connection is reset, for they would look whole.
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Console

@Suite struct CutAnswerTests {
    @Test(arguments: [(HTTPVersion.http1_0, false), (.http1_0, true), (.http1_1, false)])
    func anAnswerThatOnlyTheConnectionEndsIsResetWhenItIsBrokenOff(version: HTTPVersion, hasLength: Bool)
        throws
    {
        let scene = try AnswerScene()
        scene.request("/a", version: version)
        try scene.begin(hasLength ? ["content-length": "7"] : [:])
        scene.channel.close(mode: .output, promise: nil)
        scene.channel.close(mode: .all, promise: nil)
        let isReset = version == .http1_0 && !hasLength
        #expect(scene.wire.closings == (isReset ? [.all, .all] : [.output, .all]))
        #expect(scene.cut.isUnderWay == isReset)
    }

    @Test func anAnswerThatOnlyTheConnectionEndsAndThatNobodyReadsToItsEndIsReset() throws {
        let scene = try AnswerScene()
        scene.request("/a", version: .http1_0)
        scene.wire.isStuck = true
        try scene.answer([:])
        scene.channel.close(mode: .output, promise: nil)
        scene.channel.embeddedEventLoop.advanceTime(by: LastAnswer.reading)
        #expect(scene.wire.closings == [.all] && scene.cut.isUnderWay)
        scene.wire.goOn()
    }

    @Test func anAnswerThatOnlyTheConnectionEndsIsNotResetOnceItHasGoneOut() throws {
        let scene = try AnswerScene()
        scene.request("/a", version: .http1_0)
        scene.wire.isStuck = true
        try scene.answer([:])
        #expect(scene.wire.closings.isEmpty && scene.cut.isUnderWay)
        scene.wire.goOn()
        #expect(scene.wire.closings == [.output] && !scene.cut.isUnderWay)
    }

    @Test func thatAnEarlierAnswerGoesOutIsNoEndOfTheOneBehindIt() throws {
        let scene = try AnswerScene()
        scene.request("/a")
        scene.request("/b", version: .http1_0)
        scene.wire.isStuck = true
        try scene.answer()
        try scene.begin([:])
        scene.wire.goOn()
        #expect(scene.cut.isUnderWay)
    }
}
