// What `source explain` was told of a connection, resolved as the channel's listener would resolve it.
import Admission
import Settings

struct Hearing {
    private let command: SourceExplainCommand
    private let address: AddressSettings

    init(_ command: SourceExplainCommand, channel: Channel, settings: GateSettings) {
        self.command = command
        let configured = channel == .webhook ? settings.webhook?.address : settings.sftp?.address
        address = configured ?? AddressSettings(mode: .direct, trustedProxies: [])
    }

    func resolution() throws -> Resolution {
        guard let peerText = command.peer else {
            // Without a proxy between, the address that calls is the peer, in every mode.
            let resolver = try AddressResolver(mode: .direct, trustedProxies: [])
            return resolver.resolve(peer: try caller())
        }
        let peer = Endpoint(ip: try ArgumentText.address(peerText))
        let resolver = try AddressResolver(mode: address.mode, trustedProxies: address.trustedProxies)
        let hasHeaders = !command.forwardedFor.isEmpty || !command.forwarded.isEmpty
        // It says nothing of another address.
        if command.ip == nil, !hasHeaders { return resolver.resolve(peer: peer) }
        switch address.mode {
        case .direct:
            return resolver.resolve(peer: peer)
        case .proxyProtocol:
            if hasHeaders { return resolver.resolve(peer: peer) }
            let source = try caller()
            return resolver.resolve(peer: peer, proxy: .proxied(source: source, destination: peer))
        case .xForwardedFor where !hasHeaders:
            return resolver.resolve(peer: peer, forwardedFor: ["\(try caller().ip)"], forwarded: [])
        case .forwarded where !hasHeaders:
            let ip = try caller().ip
            return resolver.resolve(
                peer: peer, forwardedFor: [], forwarded: [ip.isIPv4 ? "for=\(ip)" : "for=\"[\(ip)]\""])
        case .xForwardedFor, .forwarded:
            return resolver.resolve(
                peer: peer, forwardedFor: command.forwardedFor, forwarded: command.forwarded)
        }
    }

    private func caller() throws -> Endpoint {
        Endpoint(ip: try ArgumentText.address(command.ip ?? ""))
    }
}
