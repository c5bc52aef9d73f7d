// Tries a proxy: CONNECT (RFC 9110 section 9.3.6) to a TLS server, and two requests through the one tunnel with a pause
// between them, as a proxy that ends idle connections early would not let them through.
import Admission
import NIOCore
import NIOPosix
import TLS
import TLSChannel

/// `http://HOST:PORT`
package struct ProxyAddress: Sendable, Hashable {
    package let host: String
    package let port: UInt16

    package init?(_ text: String) {
        guard text.hasPrefix("http://") else { return nil }
        var rest = text.dropFirst("http://".count)
        if rest.hasSuffix("/") { rest.removeLast() }
        guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]),
            port > 0
        else { return nil }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains(where: { "/@[]".contains($0) || $0.isWhitespace }) else {
            return nil
        }
        self.host = String(host)
        self.port = port
    }
}

struct TunnelCheck {
    let proxy: ProxyAddress
    let timeout: Duration
    let pause: Duration
    let context: TLSContext

    private static let port = 443
    private static let longestHead = 64 << 10

    private typealias Stream = NIOAsyncChannel<ByteBuffer, ByteBuffer>
    private typealias Reader = NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator

    /// A line of what was seen. Throws what went wrong.
    func run(host: String, name: String) async throws -> String {
        let proxies = try await HostLookup.addresses(of: proxy.host)
        guard let address = proxies.first else {
            throw RuleBookError(.unresolved, "\(proxy.host) has no address")
        }
        let stream: Stream = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(TimeAmount(timeout))
            .connect(to: SocketAddress(ipAddress: "\(address)", port: Int(proxy.port))) { channel in
                channel.eventLoop.makeCompletedFuture { try Stream(wrappingChannelSynchronously: channel) }
            }
        let channel = stream.channel
        let limit = channel.eventLoop.scheduleTask(in: TimeAmount(timeout * 2 + pause)) {
            channel.close(promise: nil)
        }
        defer { limit.cancel() }
        return try await stream.executeThenClose { inbound, outbound in
            var reader = inbound.makeAsyncIterator()
            try await connect(host, &reader, outbound)
            try await startTLS(channel, name)
            let request = "HEAD / HTTP/1.1\r\nHost: \(name)\r\nUser-Agent: dropgate\r\n\r\n"
            try await outbound.write(ByteBuffer(string: request))
            let first = try await head(&reader, "the server's first answer")
            if first.lowercased().contains("connection: close") {
                throw RuleBookError(.inconclusive, "the server itself ends the connection after one request")
            }
            try await ContinuousClock().sleep(for: pause)
            try await outbound.write(ByteBuffer(string: request))
            _ = try await head(&reader, "a second answer on the same connection")
            return "two requests through one tunnel"
        }
    }

    private func connect(
        _ host: String, _ reader: inout Reader, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        let isIPv6 = host.contains(":")
        let authority = "\(isIPv6 ? "[\(host)]" : host):\(Self.port)"
        try await outbound.write(
            ByteBuffer(string: "CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n\r\n"))
        let answer = try await head(&reader, "the proxy's answer to CONNECT")
        let line = answer.prefix { $0 != "\r\n" && $0 != "\n" }
        let words = line.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].first == "2" else {
            throw RuleBookError(
                .blocked, "the proxy refuses CONNECT \(authority): \(UntrustedText.head(String(line)))")
        }
    }

    private func startTLS(_ channel: any NIOCore.Channel, _ name: String) async throws {
        let context = context
        try await channel.eventLoop.submit {
            let handler = try TLSHandler(context, .client(host: name))
            try channel.pipeline.syncOperations.addHandler(handler, position: .first)
        }.get()
    }

    /// Reads to the empty line that ends a head; what comes with it, as a refusal's body, is left out.
    private func head(_ reader: inout Reader, _ what: String) async throws -> String {
        var bytes: [UInt8] = []
        while let buffer = try await reader.next(isolation: #isolation) {
            bytes += buffer.readableBytesView
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                return String(decoding: bytes[..<end.upperBound], as: UTF8.self)
            }
            guard bytes.count <= Self.longestHead else { break }
        }
        throw RuleBookError(.blocked, "\(what) did not come: the connection ended or took too long")
    }
}
