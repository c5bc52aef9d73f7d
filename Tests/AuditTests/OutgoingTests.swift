// What the gate calls: a witness by HTTP and a syslog receiver, when they do not do as they should.
import NIOCore
import NIOPosix
import Settings
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
        #expect(said.contains("no answer within"))
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
        await #expect(throws: HTTPExchange.Failed.self) { try await HTTPExchange(url: url).get() }
    }
}

@Suite(.timeLimit(.minutes(1))) struct SyslogConnectionTests {
    @Test func aReceiverThatIsSilentInTheHandshakeIsGivenUp() async throws {
        try await serving(nil) { port in
            let target = SyslogTarget(try #require(SyslogSettings(address: "tls://127.0.0.1:\(port)")))
            let error = await #expect(throws: SyslogConnection.CannotConnect.self) {
                _ = try await SyslogConnection.open(target, timeout: .milliseconds(300))
            }
            #expect(error?.description.contains("no TLS handshake within") == true)
        }
    }
}
