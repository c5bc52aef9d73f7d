// Works out who called, by the one mode a listener is set to. It never falls back to another way: where the
// rule does not give an answer, the answer is a failure, and the trace says which step failed.

package struct AddressResolver: Sendable {
    /// More hops than any real deployment has; beyond it somebody is playing.
    package static let maximumHops = 16
    /// Bytes kept of the raw chain.
    package static let chainLimit = 1024
    /// Bytes of one element. All parameters of RFC 7239 fit several times.
    package static let longestElement = 1024

    package let mode: AddressMode
    private let trusted: BlockTable

    /// A mode that asks proxies needs at least one block of trusted ones, and no other mode may have any.
    package init(mode: AddressMode, trustedProxies: [CIDRBlock]) throws(PolicyError) {
        guard mode.asksProxies || trustedProxies.isEmpty else {
            throw PolicyError(
                .trustedProxiesUnused,
                "address: \(mode.rawValue) takes the peer's address, so trusted_proxies would do nothing: remove "
                    + "them, or set the mode in which the proxy tells the source")
        }
        guard !mode.asksProxies || !trustedProxies.isEmpty else {
            throw PolicyError(
                .trustedProxiesMissing,
                "address: \(mode.rawValue) needs trusted_proxies: list the blocks of the proxies in front of the "
                    + "gate")
        }
        self.mode = mode
        trusted = BlockTable(trustedProxies)
    }

    package func isTrusted(_ ip: IPAddress) -> Bool { trusted.holds(ip) }

    /// Whether a trusted proxy calls for itself, or does not know for whom. HAProxy's checks say so by LOCAL in version 2,
    /// and in version 1 by naming their own address.
    package func isOfProxy(_ header: ProxyHeader, peer: Endpoint?) -> Bool {
        switch header {
        case .local, .unknown: true
        case .proxied(let source, _): source.ip == peer?.ip && isTrusted(source.ip)
        }
    }

    /// In a mode that asks no proxy the peer is the source. In the other modes the caller has no header to give, which is
    /// a failure: `bad_proxy_header` or `address_undeterminable`.
    package func resolve(peer: Endpoint?) -> Resolution {
        switch mode.evidence {
        case .peer:
            guard let peer else { return unknownPeer() }
            return Resolution(
                peer: peer, source: peer, failure: nil, mode: mode,
                trace: ["peer \(peer.ip) is the source (\(mode.rawValue))"])
        case .proxyHeader:
            return withTrustedPeer(peer) { peer, trace in
                failed(peer, .badProxyHeader, trace + ["no PROXY header came"])
            }
        case .requestHeader:
            return resolve(peer: peer) { _ in [] }
        }
    }

    /// The source that a PROXY header names. LOCAL and UNKNOWN name none and deliver nothing.
    package func resolve(peer: Endpoint?, proxy: ProxyHeader) -> Resolution {
        guard mode.readsProxyHeader else { return wrongMode(peer, "a PROXY header") }
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

    /// The source that a request's headers name. `lines` gives the values of all lines of a header, by its name in lower
    /// case, in the order received. The mode says which header is read; all others are the caller's own affair.
    package func resolve(peer: Endpoint?, lines: (String) -> [String]) -> Resolution {
        guard let header = mode.requestHeader else { return wrongMode(peer, "forwarding headers") }
        let lines = lines(header.name)
        let raw = lines.joined(separator: ", ")
        let chain = raw.isEmpty ? nil : UntrustedText.tail(raw, limit: Self.chainLimit)
        return withTrustedPeer(peer, chain: chain) { peer, trace in
            guard !lines.isEmpty else {
                return failed(
                    peer, .addressUndeterminable,
                    trace + ["\(header.name) is missing although the peer is a proxy"], chain: chain)
            }
            return walk(ForwardingElements(lines), of: header, peer: peer, trace: trace, chain: chain)
        }
    }

    /// Right to left: each trusted hop vouches for the one to its left; the first untrusted one is the source. What
    /// stands left of it is not looked at: anybody can have written it.
    private func walk(
        _ elements: ForwardingElements, of header: ForwardingHeader, peer: Endpoint, trace: [String],
        chain: String?
    ) -> Resolution {
        let name = header.name
        var trace = trace
        func fail(_ why: String) -> Resolution {
            failed(peer, .addressUndeterminable, trace + [why], chain: chain)
        }
        for (count, element) in elements.enumerated() {
            guard count < Self.maximumHops else {
                return fail("\(name) has more than \(Self.maximumHops) hops of trusted proxies")
            }
            guard element.count <= Self.longestElement else {
                return fail("\(name) has an element of more than \(Self.longestElement) bytes")
            }
            let hop: ForwardingHop
            do throws(ForwardingError) {
                hop = try header.hop(element)
            } catch {
                return fail("\(name) is malformed in the part that counts: \(error.message)")
            }
            switch hop {
            case .hidden(let text): return fail("\(name) hop \(text) names no address: the walk stops")
            case .address(let endpoint) where isTrusted(endpoint.ip):
                trace.append("\(name) hop \(endpoint.ip) is a trusted proxy")
            case .address(let endpoint):
                trace.append("\(name) hop \(endpoint.ip) is not trusted: it is the source")
                return Resolution(
                    peer: peer, source: endpoint, failure: nil, mode: mode, chain: chain, trace: trace)
            }
        }
        return fail("every \(name) hop is a trusted proxy: there is no source")
    }

    private func withTrustedPeer(
        _ peer: Endpoint?, chain: String? = nil, _ body: (Endpoint, [String]) -> Resolution
    ) -> Resolution {
        guard let peer else { return unknownPeer() }
        guard isTrusted(peer.ip) else {
            return failed(
                peer, mode.readsProxyHeader ? .badProxyHeader : .addressUndeterminable,
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
