// Works out who called, by the one mode a listener is set to. It never falls back to another way: where the
// rule does not give an answer, the answer is a failure, and the trace says which step failed.

package struct AddressResolver: Sendable {
    /// More hops than any real deployment has; beyond it somebody is playing.
    package static let maximumHops = 16
    /// Bytes kept of the raw chain.
    package static let chainLimit = 1024
    /// Bytes of header text that are looked at. Sixteen hops with all parameters fit several times.
    package static let headerLimit = 8192

    package let mode: AddressMode
    private let trusted: BlockTable

    /// `direct` must have no trusted proxies, every other mode needs at least one block of them.
    package init(mode: AddressMode, trustedProxies: [CIDRBlock]) throws(PolicyError) {
        switch (mode, trustedProxies.isEmpty) {
        case (.direct, false):
            throw PolicyError(
                .trustedProxiesUnused,
                "address: direct takes the peer's address, so trusted_proxies would do nothing: remove them, "
                    + "or set the mode in which the proxy tells the source")
        case (.proxyProtocol, true), (.xForwardedFor, true), (.forwarded, true):
            throw PolicyError(
                .trustedProxiesMissing,
                "address: \(mode.rawValue) needs trusted_proxies: list the blocks of the proxies in front of the "
                    + "gate")
        case (.direct, true), (.proxyProtocol, false), (.xForwardedFor, false), (.forwarded, false): break
        }
        self.mode = mode
        trusted = BlockTable(trustedProxies)
    }

    package func isTrusted(_ ip: IPAddress) -> Bool { trusted.holds(ip) }

    /// `direct`: the peer is the source. In the other modes the caller has no header to give, which is a
    /// failure: `bad_proxy_header` or `address_undeterminable`.
    package func resolve(peer: Endpoint?) -> Resolution {
        switch mode {
        case .direct:
            guard let peer else { return unknownPeer() }
            return Resolution(
                peer: peer, source: peer, failure: nil, mode: mode,
                trace: ["peer \(peer.ip) is the source (direct)"])
        case .proxyProtocol:
            return withTrustedPeer(peer) { peer, trace in
                failed(peer, .badProxyHeader, trace + ["no PROXY header came"])
            }
        case .xForwardedFor, .forwarded:
            return resolve(peer: peer, forwardedFor: [], forwarded: [])
        }
    }

    /// `proxy-protocol`: the source the header names. LOCAL and UNKNOWN name none and deliver nothing.
    package func resolve(peer: Endpoint?, proxy: ProxyHeader) -> Resolution {
        guard mode == .proxyProtocol else { return wrongMode(peer, "a PROXY header") }
        return withTrustedPeer(peer) { peer, trace in
            switch proxy {
            case .proxied(let source, let destination):
                return Resolution(
                    peer: peer, source: source, failure: nil, mode: mode,
                    chain: "PROXY \(source) -> \(destination)",
                    trace: trace + ["the PROXY header names \(source.ip): it is the source"])
            case .local:
                return failed(
                    peer, .addressUndeterminable,
                    trace + ["the PROXY header says LOCAL: the proxy itself connected, there is no source"],
                    chain: "PROXY LOCAL")
            case .unknown:
                return failed(
                    peer, .addressUndeterminable,
                    trace + ["the PROXY header names no TCP source"], chain: "PROXY UNKNOWN")
            }
        }
    }

    /// `x-forwarded-for` and `forwarded`: the values of all lines of each header, in the order received. The
    /// other family must be absent, whichever mode is set: a caller must not choose which one is read.
    package func resolve(peer: Endpoint?, forwardedFor: [String], forwarded: [String]) -> Resolution {
        let (name, lines): (String, [String])
        switch mode {
        case .xForwardedFor: (name, lines) = ("x-forwarded-for", forwardedFor)
        case .forwarded: (name, lines) = ("forwarded", forwarded)
        case .direct, .proxyProtocol: return wrongMode(peer, "forwarding headers")
        }
        let raw = (forwardedFor + forwarded).joined(separator: ", ")
        let chain = raw.isEmpty ? nil : OutsideText.tail(raw, limit: Self.chainLimit)
        return withTrustedPeer(peer, chain: chain) { peer, trace in
            let fail = { (why: String) in
                failed(peer, .addressUndeterminable, trace + [why], chain: chain)
            }
            guard forwardedFor.isEmpty || forwarded.isEmpty else {
                return fail(
                    "both x-forwarded-for and forwarded are present: it is not clear which one to believe")
            }
            guard !lines.isEmpty else { return fail("\(name) is missing although the peer is a proxy") }
            guard raw.utf8.count <= Self.headerLimit else {
                return fail("\(name) is longer than \(Self.headerLimit) bytes")
            }
            var hops: [ForwardingHop] = []
            do throws(ForwardingError) {
                for line in lines {
                    hops +=
                        mode == .forwarded ? try ForwardedHeader.parse(line) : try ForwardedFor.parse(line)
                }
            } catch {
                return fail("\(name) is malformed: \(error.message)")
            }
            return walk(hops, name: name, peer: peer, trace: trace, chain: chain)
        }
    }

    /// Right to left: each trusted hop vouches for the one to its left; the first untrusted one is the source.
    private func walk(
        _ hops: [ForwardingHop], name: String, peer: Endpoint, trace: [String], chain: String?
    ) -> Resolution {
        var trace = trace
        guard hops.count <= Self.maximumHops else {
            trace.append("\(name) has \(hops.count) hops, more than \(Self.maximumHops)")
            return failed(peer, .addressUndeterminable, trace, chain: chain)
        }
        for hop in hops.reversed() {
            switch hop {
            case .hidden(let text):
                trace.append("\(name) hop \(text) names no address: the walk stops")
                return failed(peer, .addressUndeterminable, trace, chain: chain)
            case .address(let endpoint) where isTrusted(endpoint.ip):
                trace.append("\(name) hop \(endpoint.ip) is a trusted proxy")
            case .address(let endpoint):
                trace.append("\(name) hop \(endpoint.ip) is not trusted: it is the source")
                return Resolution(
                    peer: peer, source: endpoint, failure: nil, mode: mode, chain: chain, trace: trace)
            }
        }
        trace.append("every \(name) hop is a trusted proxy: there is no source")
        return failed(peer, .addressUndeterminable, trace, chain: chain)
    }

    private func withTrustedPeer(
        _ peer: Endpoint?, chain: String? = nil, _ body: (Endpoint, [String]) -> Resolution
    ) -> Resolution {
        guard let peer else { return unknownPeer() }
        guard isTrusted(peer.ip) else {
            return failed(
                peer, mode == .proxyProtocol ? .badProxyHeader : .addressUndeterminable,
                [
                    "peer \(peer.ip) is not a trusted proxy: \(mode.rawValue) takes connections from those only"
                ],
                chain: chain)
        }
        return body(peer, ["peer \(peer.ip) is a trusted proxy"])
    }

    private func unknownPeer() -> Resolution {
        failed(nil, .addressUndeterminable, ["the address of the peer is not known"])
    }

    private func wrongMode(_ peer: Endpoint?, _ given: String) -> Resolution {
        failed(
            peer, .addressUndeterminable,
            ["the listener's mode is \(mode.rawValue), but it was asked to resolve \(given)"])
    }

    private func failed(
        _ peer: Endpoint?, _ reason: Reason, _ trace: [String], chain: String? = nil
    ) -> Resolution {
        Resolution(peer: peer, source: nil, failure: reason, mode: mode, chain: chain, trace: trace)
    }
}
