// What the gate calls: a witness by HTTP and a syslog receiver, when they do not do as they should.
import Admission
import Blocking
import Foundation
import Ledger
import NIOCore
import NIOPosix
import Settings
import Support
import TLS
import TLSChannel
import TLSSupport
import Testing

@testable import Audit

/// Says the same to whoever connects, once something has come, and then closes; nothing to say: it stays silent.
private final class Answering: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let answer: String?

    init(_ answer: String?) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let answer else { return }
        context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
        context.close(promise: nil)
    }
}

private func serving<R>(_ answer: String?, tls: TLSContext? = nil, _ body: (Int) async throws -> R)
    async throws -> R
{
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(tls, .server)) }
                try channel.pipeline.syncOperations.addHandler(Answering(answer))
            }
        }.bind(host: "127.0.0.1", port: 0).get()
    let outcome: Result<R, any Error>
    do { outcome = .success(try await body(server.localAddress?.port ?? 0)) } catch {
        outcome = .failure(error)
    }
    try await server.close().get()
    return try outcome.get()
}

@Suite(.timeLimit(.minutes(1))) struct HTTPExchangeTests {
    private func failure(
        _ answer: String?, tls: TLSContext? = nil, _ change: (inout HTTPExchange) -> Void = { _ in }
    )
        async throws -> String
    {
        try await serving(answer, tls: tls) { port in
            var exchange = HTTPExchange(url: "\(tls == nil ? "http" : "https")://127.0.0.1:\(port)/x")
            change(&exchange)
            do {
                let answer = try await exchange.post(Array("note".utf8), type: "text/plain")
                return "answered \(answer.status)"
            } catch { return "\(error)" }
        }
    }

    @Test func anyStatusIsAnAnswer() async throws {
        for status in [200, 302, 500] {
            let text = "HTTP/1.1 \(status) X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 2\r\n\r\nab"
            let answer = try await serving(text) {
                try await HTTPExchange(url: "http://127.0.0.1:\($0)").get()
            }
            #expect(answer.status == status && answer.body == Array("ab".utf8))
        }
    }

    @Test func aServerThatNobodyVouchesForIsNotBelieved() async throws {
        let good = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        let said = try await failure(good, tls: EnginePair.contexts(protocols: []).server)
        #expect(said.contains("certificate verify failed"), "\(said)")
    }

    @Test func silenceEndsInTime() async throws {
        let said = try await failure(nil) { $0.timeout = .milliseconds(200) }
        #expect(said.contains("did not answer within"))
    }

    @Test func whoNoLongerWaitsIsNotHeldUpBySilence() async throws {
        let start = ContinuousClock.now
        let error = try await serving(nil) { port in
            await #expect(throws: TimeoutError.self) {
                try await within(.milliseconds(200)) {
                    try await HTTPExchange(url: "http://127.0.0.1:\(port)/").get()
                }
            }
        }
        #expect(error != nil)
        #expect(ContinuousClock.now - start < .seconds(5), "its own bound is 10 s")
    }

    /// Neither the URL, which whoever reports it says, nor a word of a library.
    @Test(arguments: [
        ("http://127.0.0.1:1/x?token=s3cret", "nobody listens there; see "),
        ("https://nowhere.invalid/x?token=s3cret", "its name is not known here; check "),
    ])
    func whatFailsIsSaidOnceWithANextStep(url: String, words: String) async throws {
        let error = await #expect(throws: OutgoingError.self) { try await HTTPExchange(url: url).get() }
        let said = try #require(error?.description)
        #expect(said.hasPrefix(words), "\(said)")
        for word in ["NIO", "errno", "Error", "s3cret", "127.0.0.1", "nowhere"] {
            #expect(!said.contains(word), "\(said)")
        }
    }

    @Test(arguments: [301, 403, 404, 500])
    func aWitnessThatRefusesIsSaidWithoutItsQuery(status: Int) async throws {
        try await serving("HTTP/1.1 \(status) X\r\ncontent-length: 0\r\n\r\n") { port in
            let witness = HTTPWitness(url: "http://127.0.0.1:\(port)/gate?token=s3cret")
            #expect(witness.name == "http://127.0.0.1:\(port)/gate")
            let checkpoint = Checkpoint(
                origin: "t/dropgate", size: 1, root: .leaf([]), previous: 0, time: .now())
            let signed = try SignedCheckpoint(checkpoint, NoteSigner(name: "t/dropgate"))
            let error = await #expect(throws: OutgoingError.self) { try await witness.keep(signed) }
            #expect(error?.description.hasPrefix("it answered POST with \(status); ") == true)
        }
    }

    @Test func anAnswerThatIsTooLongOrCutShortIsNone() async throws {
        let long = try await failure("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n01234567890") {
            $0.longestBody = 10
        }
        #expect(long.contains("longer than 10 bytes"))
        for cut in [
            "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n0", "HTTP/1.1 200 OK\r\n", "SSH-2.0-x\r\n", "",
        ] {
            let said = try await failure(cut)
            #expect(!said.hasPrefix("answered"), "\(cut): \(said)")
        }
    }

    @Test(arguments: ["", "x", "ftp://h/", "http://", "https:///x", "//h/x"])
    func whatIsNoURLIsSaid(url: String) async {
        await #expect(throws: OutgoingError.self) { try await HTTPExchange(url: url).get() }
    }
}

/// Reads one piece and ends.
private final class ReadingOnce: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }
}

@Suite(.timeLimit(.minutes(1))) struct SyslogConnectionTests {
    /// A receiver that reads one piece and closes; over TLS it says close_notify.
    private func endOfReceiver(_ directory: TemporaryDirectory, isTLS: Bool) async throws -> ForwardError? {
        let trial = try TrialCertificate(host: "localhost", now: Int64(Date().timeIntervalSince1970))
        let authorities = directory.file("ca.pem")
        try Data(trial.certificate.utf8).write(to: URL(filePath: authorities))
        let context = try TLSContext(
            TLSContext.Server(
                chain: try Certificate.list(pem: Array(trial.certificate.utf8)),
                key: try PrivateKey(pem: Array(trial.key.utf8))))
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if isTLS { try channel.pipeline.syncOperations.addHandler(TLSHandler(context, .server)) }
                    try channel.pipeline.syncOperations.addHandler(ReadingOnce())
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress?.port ?? 0
        var settings = try #require(
            SyslogSettings(address: isTLS ? "tls://localhost:\(port)" : "tcp://127.0.0.1:\(port)"))
        if isTLS { settings.authorities = authorities }
        let connection = try await SyslogConnection.open(SyslogTarget(settings))
        let stream = SyslogStream(connection)
        try await stream.send([ForwardRecord(seq: 7, bytes: Array("<109>1 - - - - - - x".utf8))])
        while connection.end == nil { await Task.yield() }
        var found: ForwardError?
        do { _ = try await stream.confirmed() } catch let end as ForwardError { found = end }
        try await server.close().get()
        return found
    }

    @Test func anOrderlyEndOfTLSLeavesInDoubtWhatWasAcknowledgedLately() async throws {
        let directory = try TemporaryDirectory("syslog")
        let end = try #require(try await endOfReceiver(directory, isTLS: true))
        #expect(end.confirmed == nil, "it is sent again: \(end)")
    }

    @Test func anOrderlyEndOfTCPProvesWhatWasRead() async throws {
        let directory = try TemporaryDirectory("syslog")
        let end = try #require(try await endOfReceiver(directory, isTLS: false))
        #expect(end.confirmed == 7, "\(end)")
    }

    @Test func aReceiverThatNobodyWaitsForHoldsUpNothing() async throws {
        let start = ContinuousClock.now
        let error = try await serving(nil) { port in
            let target = SyslogTarget(try #require(SyslogSettings(address: "tls://127.0.0.1:\(port)")))
            return await #expect(throws: TimeoutError.self) {
                try await within(.milliseconds(200)) { _ = try await SyslogConnection.open(target) }
            }
        }
        #expect(error != nil)
        #expect(ContinuousClock.now - start < .seconds(5), "its own bound is 10 s")
    }

    @Test func aReceiverThatIsSilentInTheHandshakeIsGivenUp() async throws {
        try await serving(nil) { port in
            let target = SyslogTarget(try #require(SyslogSettings(address: "tls://127.0.0.1:\(port)")))
            let error = await #expect(throws: OutgoingError.self) {
                _ = try await SyslogConnection.open(target, timeout: .milliseconds(300))
            }
            #expect(error?.description.contains("no TLS handshake within") == true)
        }
    }
}
