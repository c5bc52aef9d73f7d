// What one caller may hold of the console: connections, time to read an answer, and entries.
import Admission
import HTTPTypes
import JSON
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Synchronization
import Testing

@testable import Console
@testable import Management

@Suite struct ConnectionTests {
    // MARK: Places

    @Test func oneSourceLeavesPlacesToTheOthers() throws {
        let (places, loop) = (ConnectionPlaces(), EmbeddedEventLoop())
        let end = loop.makePromise(of: Void.self)
        func take(_ source: String, _ count: Int) throws -> Int {
            let ip = try IPAddress(source)
            return (0..<count).count { _ in places.take(for: ip, until: end.futureResult) }
        }
        #expect(try take("192.0.2.1", 300) == 256)
        #expect(try take("192.0.2.2", 1) == 1)
        // Of IPv6 a /64 is one.
        #expect(try take("2001:db8::1", 100) + take("2001:db8::2", 100) < 256)
        let last = loop.makePromise(of: Void.self)
        #expect(!places.take(for: try IPAddress("192.0.2.1"), until: last.futureResult))
        end.succeed()
        #expect(places.take(for: try IPAddress("192.0.2.1"), until: last.futureResult))
        last.succeed()
    }

    @Test func callersOnTheMachineHaveAllPlacesTogether() throws {
        let (places, loop) = (ConnectionPlaces(), EmbeddedEventLoop())
        let end = loop.makePromise(of: Void.self)
        let sources = try ["127.0.0.1", "127.0.0.9", "::1"].map { try IPAddress($0) }
        let taken = (0..<600).count { places.take(for: sources[$0 % 3], until: end.futureResult) }
        #expect(taken == 512)
        end.succeed()
    }

    // MARK: Reading

    @Test func whoReadsNothingOfAnAnswerIsSentAway() throws {
        let said = Said()
        let channel = EmbeddedChannel(
            handler: RequestClock(nil, said.note, reading: .seconds(60)))
        try channel.connect(to: .init(ipAddress: "127.0.0.1", port: 1)).wait()
        for isRead in [true, false] {
            channel.isWritable = false
            channel.pipeline.fireChannelWritabilityChanged()
            channel.embeddedEventLoop.advanceTime(by: .seconds(59))
            #expect(channel.isActive)
            if isRead {
                channel.isWritable = true
                channel.pipeline.fireChannelWritabilityChanged()
            }
            channel.embeddedEventLoop.advanceTime(by: .seconds(59))
            #expect(channel.isActive == isRead)
        }
        #expect(said.messages == ["an answer was not read"])
        _ = try? channel.finish()
    }

    /// The time of a request begins with its first byte, and not while the one before it is being answered.
    @Test(arguments: [false, true])
    func anAnswerMayTakeItsTimeWhateverWaitsBehindItsRequest(isWhole: Bool) throws {
        let said = Said()
        let channel = try served(said)
        let request = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n"
        try channel.writeInbound(ByteBuffer(string: request))
        try channel.writeInbound(ByteBuffer(string: isWhole ? request : "GET"))
        channel.embeddedEventLoop.advanceTime(by: .seconds(100))
        #expect(channel.isActive && said.messages.isEmpty)
        try answer(channel)
        if isWhole { try answer(channel) }
        try expect(channel, said, awaitsHead: !isWhole)
    }

    @Test(arguments: [false, true])
    func behindARequestThatWasAnsweredEarlyTheNextOneHasItsTime(hasMore: Bool) throws {
        let said = Said()
        let channel = try served(said)
        try channel.writeInbound(
            ByteBuffer(string: "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab"))
        try answer(channel)
        try channel.writeInbound(ByteBuffer(string: "cd"))
        if hasMore { try channel.writeInbound(ByteBuffer(string: "GET")) }
        try expect(channel, said, awaitsHead: hasMore)
    }

    /// The parser has what came of it by then: no more need come.
    @Test(
        arguments: ["", "G", "GET /c HTTP/1.1\r\nhost:"],
        [
            ["GET /a HTTP/1.1\r\nhost: a\r\n\r\n"],
            ["POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nabcd"],
            ["POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"],
            ["GET /a HTTP/1.1\r\nhost: a\r\n\r\n", "GET /b HTTP/1.1\r\nhost: b\r\n\r\n"],
        ])
    func aRequestThatBeganWithThoseBeforeItHasItsTimeBehindThem(next: String, before: [String])
        throws
    {
        let said = Said()
        let channel = try served(said)
        try channel.writeInbound(ByteBuffer(string: before.joined() + next))
        for _ in before {
            channel.embeddedEventLoop.advanceTime(by: .seconds(100))
            #expect(channel.isActive && said.messages.isEmpty)
            try answer(channel)
        }
        try expect(channel, said, awaitsHead: !next.isEmpty)
    }

    /// Whoever reads it slowly may send the rest of the next request when it has it.
    @Test func theTimeOfTheNextRequestBeginsWhenTheAnswerHasGoneOut() throws {
        let said = Said()
        let channel = try served(said)
        try channel.writeInbound(ByteBuffer(string: "GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET"))
        giveUnsent(channel)
        channel.embeddedEventLoop.advanceTime(by: RequestClock.body - .seconds(1))
        #expect(channel.isActive && said.messages.isEmpty)
        channel.flush()
        try expect(channel, said, awaitsHead: true)
    }

    /// What is not full yet keeps what it has of an answer, and takes more requests.
    @Test func whoDoesNotReadAShortAnswerHasNoMoreTimeThanForALongOne() throws {
        let said = Said()
        let channel = try served(said)
        try channel.writeInbound(ByteBuffer(string: "GET /a HTTP/1.1\r\nhost: a\r\n\r\n"))
        giveUnsent(channel)
        for byte in ["G", "E"] {
            channel.embeddedEventLoop.advanceTime(by: RequestClock.body - .seconds(31))
            #expect(channel.isActive)
            try channel.writeInbound(ByteBuffer(string: byte))
        }
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive && said.messages == ["an answer was not read"])
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    /// RFC 9112, 2.2: some callers send one behind a body.
    @Test(arguments: ["\r\n", "\n", "\r\n\r\n"])
    func anEmptyLineThatComesWithARequestIsNoneOfTheNext(line: String) throws {
        let said = Said()
        let channel = try served(said)
        try channel.writeInbound(
            ByteBuffer(string: "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}" + line))
        try answer(channel)
        try expect(channel, said, awaitsHead: false)
    }

    /// It is nobody's: an answer that is read slowly is not cut short for it.
    @Test func whatComesBehindTheLastRequestHasNoTime() throws {
        let said = Said()
        let channel = try served(said)
        try channel.writeInbound(ByteBuffer(string: "GET /a HTTP/1.0\r\nhost: a\r\n\r\nGET"))
        giveUnsent(channel)
        channel.embeddedEventLoop.advanceTime(by: RequestClock.head)
        #expect(channel.isActive && said.messages.isEmpty)
        channel.flush()
        #expect(!channel.isActive && said.messages.isEmpty)
        channel.embeddedEventLoop.run()
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    /// What has been read is given to the parser in two parts, of which it takes no second one when it has failed at the first.
    @Test func whatCannotBeParsedBehindARequestIsToldBehindItsAnswer() throws {
        let channel = try served(Said())
        try channel.writeInbound(ByteBuffer(string: "GET /a HTTP/1.1\r\nhost: a\r\n\r\n\0\0\0"))
        try answer(channel)
        #expect(throws: HTTPParserError.self) { try channel.throwIfErrorCaught() }
        _ = try? channel.finish()
    }

    /// A connection as the console's, but for its server.
    private func served(_ said: Said) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandlers(CutAnswer(), RequestClock(nil, said.note))
        try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false, withErrorHandling: false)
        try pipeline.addHandlers([HTTP1ToHTTPServerCodec(secure: false), RequestMarks()])
        try LastAnswer.add(ConnectionAge(most: .seconds(300)), to: pipeline)
        try channel.connect(to: .init(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    private func answer(_ channel: EmbeddedChannel) throws {
        try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .noContent)))
        try channel.writeOutbound(HTTPResponsePart.end(nil))
    }

    /// An answer that does not go out before a flush.
    private func giveUnsent(_ channel: EmbeddedChannel) {
        channel.write(HTTPResponsePart.head(HTTPResponse(status: .noContent)), promise: nil)
        channel.write(HTTPResponsePart.end(nil), promise: nil)
    }

    /// Whether the time of a head runs from now on.
    private func expect(_ channel: EmbeddedChannel, _ said: Said, awaitsHead: Bool) throws {
        channel.embeddedEventLoop.advanceTime(by: RequestClock.head - .seconds(1))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(channel.isActive != awaitsHead)
        #expect(said.messages == (awaitsHead ? ["the head of a request took too long"] : []))
        _ = try? channel.finish()
    }

    private final class Said: Sendable {
        private let kept = Mutex<[String]>([])
        var messages: [String] { kept.withLock(\.self) }

        var note: ConsoleChannel.Note {
            { reason, _, detail in
                guard reason == .timeout, let message = detail["message"]?.string else { return }
                self.kept.withLock { $0.append(message) }
            }
        }
    }

    // MARK: Entries

    @Test func aTokenHasItsEntriesAndIsToldWhenTheNextOneMayBe() throws {
        let limit = EntryLimit()
        let (one, other) = (
            Caller(TokenBook.Holder(name: "one", role: .viewer)),
            Caller(TokenBook.Holder(name: "other", role: .viewer))
        )
        for _ in 0..<EntryAllowance.most { try limit.count(one) }
        let problem = #expect(throws: Problem.self) { try limit.count(one) }
        #expect(problem?.status.code == 429 && problem?.headers[.retryAfter] != nil)
        try limit.count(other)
    }
}
