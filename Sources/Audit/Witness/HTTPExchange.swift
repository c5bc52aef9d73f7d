// One HTTP/1.1 request and its answer, over SwiftNIO and the gate's own TLS. libcurl would do it too, and would bring
// LDAP, Kerberos and a second TLS library into the process of every gate and of every SFTP session.
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import TLS
import TLSChannel

struct HTTPExchange: Sendable {
    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
    }

    /// `http://` or `https://`; the certificate must be of the system's authorities.
    var url: String
    /// Of an answer; a longer one is an error.
    var longestBody = 1 << 20
    /// For all of it. Redirects are not followed: who keeps checkpoints is named by the settings.
    var timeout = TimeAmount.seconds(10)

    /// Throws `OutgoingError` when there is no whole answer, in words that do not repeat the URL, and `CancellationError` as soon
    /// as the task is cancelled. Any status is an answer.
    func get() async throws -> Answer { try await perform(.GET, [], type: nil) }

    func post(_ bytes: [UInt8], type: String) async throws -> Answer {
        try await perform(.POST, bytes, type: type)
    }

    private func perform(_ method: HTTPMethod, _ body: [UInt8], type: String?) async throws -> Answer {
        do {
            let target = try HTTPTarget(url)
            let answer = try begin(target, head: target.head(method, bodyCount: body.count, type: type), body)
            let timeout = timeout
            let limit = answer.futureResult.eventLoop.scheduleTask(in: timeout) {
                answer.fail(
                    OutgoingError(.unreachable, CallTrouble.silent(timeout.nanoseconds / 1_000_000_000)))
            }
            defer { limit.cancel() }
            return try await withTaskCancellationHandler {
                try await answer.futureResult.get()
            } onCancel: {
                answer.fail(CancellationError())
            }
        } catch  where error is CancellationError || error is OutgoingError {
            throw error
        } catch {
            throw OutgoingError(.unreachable, CallTrouble.words(error))
        }
    }

    /// Connects and asks. The connection ends with the promise, however that comes.
    private func begin(_ target: HTTPTarget, head: HTTPRequestHead, _ body: [UInt8]) throws
        -> EventLoopPromise<Answer>
    {
        let context = target.isTLS ? try TLSContext(.init(trust: .system, protocols: ["http/1.1"])) : nil
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: Answer.self)
        let longestBody = longestBody
        let connecting = ClientBootstrap(group: loop).connectTimeout(timeout).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let context {
                    try pipeline.addHandler(TLSHandler(context, .client(host: target.host)))
                }
                try pipeline.addHTTPClientHandlers()
                try pipeline.addHandler(AnswerHandler(answer, longestBody: longestBody))
            }
        }.connect(host: target.host, port: target.port)
        connecting.whenComplete { connected in
            switch connected {
            case .failure(let error): answer.fail(error)
            case .success(let channel):
                // TLS keeps it until its handshake is done.
                channel.write(HTTPClientRequestPart.head(head), promise: nil)
                if !body.isEmpty {
                    channel.write(
                        HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
                }
                channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
                answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
            }
        }
        return answer
    }
}

private struct HTTPTarget: Sendable {
    let isTLS: Bool
    let host: String
    let port: Int
    /// As in the request line.
    let path: String
    /// As in the Host field: with its port where that is not the scheme's.
    let authority: String

    init(_ url: String) throws {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = parts.host, !host.isEmpty
        else { throw OutgoingError(.refused, "this is not a URL of HTTP; write https://host/path") }
        isTLS = scheme == "https"
        let usual = isTLS ? 443 : 80
        port = parts.port ?? usual
        // URLComponents keeps the brackets of an IPv6 address (RFC 3986 section 3.2.2).
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        let named = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        authority = port == usual ? named : "\(named):\(port)"
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        self.path = path + (parts.percentEncodedQuery.map { "?\($0)" } ?? "")
    }

    func head(_ method: HTTPMethod, bodyCount: Int, type: String?) -> HTTPRequestHead {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        head.headers.add(name: "Host", value: authority)
        head.headers.add(name: "User-Agent", value: "dropgate")
        head.headers.add(name: "Connection", value: "close")
        if let type {
            head.headers.add(name: "Content-Type", value: type)
            head.headers.add(name: "Content-Length", value: "\(bodyCount)")
        }
        return head
    }
}

private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let answer: EventLoopPromise<HTTPExchange.Answer>
    private let longestBody: Int
    private var found = HTTPExchange.Answer(status: 0, body: [])

    init(_ answer: EventLoopPromise<HTTPExchange.Answer>, longestBody: Int) {
        self.answer = answer
        self.longestBody = longestBody
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): found.status = Int(head.status.code)
        case .body(let bytes):
            guard found.body.count + bytes.readableBytes <= longestBody else {
                answer.fail(
                    OutgoingError(
                        .refused,
                        "its answer is longer than \(longestBody) bytes; see whether the path is right"))
                return context.close(promise: nil)
            }
            found.body += bytes.readableBytesView
        case .end: answer.succeed(found)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(
            OutgoingError(
                .unreachable, "it ended the connection before its answer was whole; look into its log"))
        context.fireChannelInactive()
    }
}
