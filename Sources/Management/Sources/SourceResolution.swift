// What somebody says of a connection, resolved as the channel's listener would resolve it.
package import Admission
import Settings

/// A connection as it might come.
package struct SourceQuestion: Sendable {
    /// The address that calls; nil when headers say it, or when the peer itself calls.
    package var ip: IPAddress?
    /// The other end of the socket: a proxy in front of the gate.
    package var peer: IPAddress?
    /// Lines of forwarding headers as the gate gets them, by the header's name in lower case.
    package var headers: [String: [String]] = [:]

    package init() {}
}

struct SourceResolution {
    private let question: SourceQuestion
    private let address: AddressSettings

    init(_ question: SourceQuestion, channel: Channel, settings: GateSettings) {
        self.question = question
        let configured = channel == .webhook ? settings.webhook?.address : settings.sftp?.address
        address = configured ?? AddressSettings(mode: .direct, trustedProxies: [])
    }

    func resolution() throws -> Resolution {
        guard let peer = question.peer.map({ Endpoint(ip: $0) }) else {
            // Without a proxy between, the address that calls is the peer, in every mode.
            let resolver = try AddressResolver(mode: .direct, trustedProxies: [])
            return resolver.resolve(peer: try caller())
        }
        let resolver = try AddressResolver(mode: address.mode, trustedProxies: address.trustedProxies)
        let hasHeaders = question.headers.values.contains { !$0.isEmpty }
        // It says nothing of another address.
        if question.ip == nil, !hasHeaders { return resolver.resolve(peer: peer) }
        switch address.mode.evidence {
        case .peer:
            return resolver.resolve(peer: peer)
        case .proxyHeader:
            if hasHeaders { return resolver.resolve(peer: peer) }
            let source = try caller()
            return resolver.resolve(peer: peer, proxy: .proxied(source: source, destination: peer))
        case .requestHeader(let header):
            let headers =
                hasHeaders ? question.headers : [header.name: [header.element(try caller().ip)]]
            return resolver.resolve(peer: peer) { headers[$0] ?? [] }
        }
    }

    private func caller() throws -> Endpoint {
        guard let ip = question.ip else {
            throw ManagementError(.invalid, "say which address calls, as in: explain 20.21.208.105")
        }
        return Endpoint(ip: ip)
    }
}
