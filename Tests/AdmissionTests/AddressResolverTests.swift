// Who called, in each mode, and every trap in which others believed the caller.
import Admission
import Testing

@Suite struct AddressResolverTests {
    private func resolver(_ mode: AddressMode, _ trusted: [String] = ["10.0.0.0/8", "2001:db8:aaaa::/48"])
        throws
        -> AddressResolver
    {
        try AddressResolver(
            mode: mode, trustedProxies: mode == .direct ? [] : trusted.map { try CIDRBlock($0) })
    }

    @Test("direct takes no trusted proxies, every other mode needs them")
    func checksConfiguration() throws {
        let block = try CIDRBlock("10.0.0.0/8")
        let unused = #expect(throws: PolicyError.self) {
            try AddressResolver(mode: .direct, trustedProxies: [block])
        }
        #expect(unused?.code == .trustedProxiesUnused)
        for mode in AddressMode.allCases where mode != .direct {
            let missing = #expect(throws: PolicyError.self) {
                try AddressResolver(mode: mode, trustedProxies: [])
            }
            #expect(missing?.code == .trustedProxiesMissing)
        }
    }

    @Test("direct: the peer is the source, whatever it says")
    func takesPeer() throws {
        let peer = try endpoint("::ffff:20.21.208.105", 40112)
        let resolution = try resolver(.direct).resolve(peer: peer)
        #expect(resolution.source == peer && resolution.failure == nil)
        #expect(resolution.source?.description == "20.21.208.105:40112")
        #expect(resolution.trace == ["peer 20.21.208.105 is the source (direct)"])
    }

    @Test("a peer without address is undeterminable in every mode", arguments: AddressMode.allCases)
    func refusesUnknownPeer(_ mode: AddressMode) throws {
        let resolver = try resolver(mode)
        let header = ProxyHeader.proxied(
            source: try endpoint("20.21.208.105", 1), destination: try endpoint("::1", 2))
        for resolution in [
            resolver.resolve(peer: nil), resolver.resolve(peer: nil, proxy: header),
            resolver.resolve(peer: nil, forwardedFor: ["20.21.208.105"], forwarded: []),
            resolver.resolve(peer: nil, forwardedFor: [], forwarded: ["for=20.21.208.105"]),
        ] {
            #expect(resolution.failure == .addressUndeterminable)
            #expect(resolution.source == nil && !resolution.trace.isEmpty)
        }
    }

    @Test("what belongs to another mode resolves nothing", arguments: AddressMode.allCases)
    func refusesOtherModes(_ mode: AddressMode) throws {
        let resolver = try resolver(mode)
        let peer = try endpoint("10.0.0.2")
        let source = try endpoint("20.21.208.105")
        let given: [AddressMode: Resolution] = [
            .direct: resolver.resolve(peer: peer),
            .proxyProtocol: resolver.resolve(peer: peer, proxy: .proxied(source: source, destination: peer)),
            .xForwardedFor: resolver.resolve(peer: peer, forwardedFor: ["20.21.208.105"], forwarded: []),
            .forwarded: resolver.resolve(peer: peer, forwardedFor: [], forwarded: ["for=20.21.208.105"]),
        ]
        for (other, resolution) in given {
            #expect((resolution.failure == nil) == (other == mode), "\(other)")
            #expect((resolution.source == nil) == (other != mode), "\(other)")
        }
    }

    // MARK: proxy-protocol

    @Test("proxy-protocol: the header of a trusted peer names the source")
    func believesProxyHeader() throws {
        let source = try endpoint("20.21.208.105", 5000)
        let resolution = try resolver(.proxyProtocol).resolve(
            peer: endpoint("::ffff:10.0.0.2", 1),
            proxy: .proxied(source: source, destination: endpoint("1.1.1.1", 443)))
        #expect(resolution.source == source && resolution.failure == nil)
        #expect(resolution.chain == "PROXY 20.21.208.105:5000 -> 1.1.1.1:443")
        #expect(
            resolution.trace == [
                "peer 10.0.0.2 is a trusted proxy", "the PROXY header names 20.21.208.105: it is the source",
            ])
    }

    @Test("proxy-protocol: an untrusted peer is refused, with whatever header or none")
    func refusesUntrustedProxy() throws {
        let resolver = try resolver(.proxyProtocol)
        let peer = try endpoint("20.21.208.105", 1)
        let header = ProxyHeader.proxied(source: peer, destination: peer)
        for resolution in [
            resolver.resolve(peer: peer), resolver.resolve(peer: peer, proxy: header),
            resolver.resolve(peer: peer, proxy: .local), resolver.resolve(peer: peer, proxy: .unknown),
        ] {
            #expect(resolution.failure == .badProxyHeader && resolution.source == nil)
        }
    }

    @Test("proxy-protocol: LOCAL, UNKNOWN and no header name no source")
    func refusesLocal() throws {
        let resolver = try resolver(.proxyProtocol)
        let peer = try endpoint("10.0.0.2")
        #expect(resolver.resolve(peer: peer, proxy: .local).failure == .addressUndeterminable)
        #expect(resolver.resolve(peer: peer, proxy: .unknown).failure == .addressUndeterminable)
        #expect(resolver.resolve(peer: peer).failure == .badProxyHeader)
    }

    // MARK: x-forwarded-for

    @Test(
        "x-forwarded-for: the first untrusted hop from the right is the source",
        arguments: ForwardingTables.forwardedForSources)
    func walksForwardedFor(_ lines: [String], _ source: String) throws {
        let resolution = try resolver(.xForwardedFor).resolve(
            peer: endpoint("10.0.0.2"), forwardedFor: lines, forwarded: [])
        #expect(resolution.source?.description == source)
        #expect(resolution.failure == nil)
    }

    @Test(
        "x-forwarded-for: anything doubtful is undeterminable",
        arguments: ForwardingTables.forwardedForRefused)
    func refusesForwardedFor(_ lines: [String]) throws {
        let resolution = try resolver(.xForwardedFor).resolve(
            peer: endpoint("10.0.0.2"), forwardedFor: lines, forwarded: [])
        #expect(resolution.failure == .addressUndeterminable)
        #expect(resolution.source == nil)
        #expect(resolution.trace.count >= 2)
    }

    @Test("the header of the other family decides nothing, whatever it says")
    func ignoresTheOtherFamily() throws {
        let peer = try endpoint("10.0.0.2")
        for other in ["for=6.6.6.6", "6.6.6.6", "", "garbage\"", "unknown"] {
            let one = try resolver(.xForwardedFor).resolve(
                peer: peer, forwardedFor: ["20.21.208.105"], forwarded: [other])
            let two = try resolver(.forwarded).resolve(
                peer: peer, forwardedFor: [other], forwarded: ["for=20.21.208.105"])
            #expect(one.source?.description == "20.21.208.105" && one.chain == "20.21.208.105")
            #expect(two.source?.description == "20.21.208.105" && two.chain == "for=20.21.208.105")
        }
        // Its own is still needed.
        for mode in [AddressMode.xForwardedFor, .forwarded] {
            let resolution = try resolver(mode).resolve(
                peer: peer, forwardedFor: mode == .forwarded ? ["20.21.208.105"] : [],
                forwarded: mode == .forwarded ? [] : ["for=20.21.208.105"])
            #expect(resolution.failure == .addressUndeterminable && resolution.peer == peer)
        }
    }

    @Test(
        "an untrusted peer is refused in header modes, with or without headers",
        arguments: [AddressMode.xForwardedFor, .forwarded])
    func refusesUntrustedPeer(_ mode: AddressMode) throws {
        let resolver = try resolver(mode)
        let peer = try endpoint("20.21.208.105")
        for resolution in [
            resolver.resolve(peer: peer), resolver.resolve(peer: peer, forwardedFor: [], forwarded: []),
            resolver.resolve(peer: peer, forwardedFor: ["20.21.208.105"], forwarded: []),
            resolver.resolve(peer: peer, forwardedFor: [], forwarded: ["for=20.21.208.105"]),
        ] {
            #expect(resolution.failure == .addressUndeterminable && resolution.source == nil)
            #expect(resolution.trace.first?.contains("is not a trusted proxy") == true)
        }
    }

    @Test("the trace tells each step")
    func traces() throws {
        let resolution = try resolver(.xForwardedFor).resolve(
            peer: endpoint("10.0.0.2", 99), forwardedFor: ["1.1.1.1, 20.21.208.105, 10.3.3.3"], forwarded: [])
        #expect(
            resolution.trace == [
                "peer 10.0.0.2 is a trusted proxy", "x-forwarded-for hop 10.3.3.3 is a trusted proxy",
                "x-forwarded-for hop 20.21.208.105 is not trusted: it is the source",
            ])
        #expect(resolution.chain == "1.1.1.1, 20.21.208.105, 10.3.3.3")
    }

    // MARK: forwarded

    @Test(
        "forwarded: the first untrusted hop from the right is the source",
        arguments: ForwardingTables.forwardedSources)
    func walksForwarded(_ lines: [String], _ source: String) throws {
        let resolution = try resolver(.forwarded).resolve(
            peer: endpoint("10.0.0.2"), forwardedFor: [], forwarded: lines)
        #expect(resolution.source?.description == source)
        #expect(resolution.failure == nil)
    }

    @Test(
        "forwarded: anything doubtful is undeterminable",
        arguments: ForwardingTables.forwardedRefused)
    func refusesForwarded(_ lines: [String]) throws {
        let resolution = try resolver(.forwarded).resolve(
            peer: endpoint("10.0.0.2"), forwardedFor: [], forwarded: lines)
        #expect(resolution.failure == .addressUndeterminable)
        #expect(resolution.source == nil)
    }

    @Test("an element of thousands of bytes is undeterminable")
    func refusesTooLongElements() throws {
        let padded = String(repeating: " ", count: 9000) + "20.21.208.105"
        let extended = "for=20.21.208.105;x=" + String(repeating: "y", count: 9000)
        let peer = try endpoint("10.0.0.2")
        for resolution in [
            try resolver(.xForwardedFor).resolve(peer: peer, forwardedFor: [padded], forwarded: []),
            try resolver(.forwarded).resolve(peer: peer, forwardedFor: [], forwarded: [extended]),
        ] {
            #expect(resolution.failure == .addressUndeterminable && resolution.source == nil)
        }
    }

    @Test("a quote the caller opens cannot swallow the hop that the proxy appends")
    func resistsQuoteSmuggling() throws {
        let resolver = try resolver(.forwarded)
        let peer = try endpoint("10.0.0.2")
        var random = SeededGenerator(seed: 41)
        // The caller writes a prefix and its Host; the proxy appends the hop, and Host in quotes.
        let pieces = [
            "\"", "\\", ";", ",", "=", "x", "for=20.21.208.105", "for=\"20.21.208.105\"", " ", "host=",
            "y=\"",
        ]
        let make = { (random: inout SeededGenerator) in
            (0..<Int.random(in: 0...7, using: &random)).map { _ in pieces.randomElement(using: &random) ?? ""
            }.joined()
        }
        for hop in ["6.6.6.6", "\"6.6.6.6\"", "\"6.6.6.6:1\"", "\"[2001:db8:bbbb::6]:1\""] {
            for _ in 0..<10_000 {
                let host = make(&random).filter { $0 != "," }
                let header = "for=20.21.208.105;x=\"" + make(&random) + ", for=\(hop);host=\"\(host)\""
                let source = resolver.resolve(peer: peer, forwardedFor: [], forwarded: [header]).source
                #expect(source == nil || source?.ip.description != "20.21.208.105", "\(header)")
            }
        }
    }

    @Test("text from outside reaches chain and trace only printable and bounded")
    func boundsText() throws {
        var random = SeededGenerator(seed: 42)
        let often = Array("for=\"\\;, 20.21.208.105[2001:db8::1]_unknown".utf8)
        for mode in [AddressMode.xForwardedFor, .forwarded] {
            let resolver = try resolver(mode)
            for round in 0..<6_000 {
                let size = round % 50 == 0 ? 12_000 : 120
                let line = String(
                    decoding: random.bytes(count: Int.random(in: 0...size, using: &random), often: often),
                    as: UTF8.self)
                let lines = Bool.random(using: &random) ? [line] : [line, "20.21.208.105"]
                let resolution = resolver.resolve(
                    peer: try endpoint("10.0.0.2"), forwardedFor: mode == .forwarded ? [] : lines,
                    forwarded: mode == .forwarded ? lines : [])
                #expect((resolution.source == nil) == (resolution.failure != nil))
                let texts = resolution.trace + [resolution.chain ?? ""]
                #expect(
                    texts.allSatisfy { $0.unicodeScalars.allSatisfy { (0x20...0x7E).contains($0.value) } })
                #expect(resolution.trace.allSatisfy { $0.utf8.count < 400 } && resolution.trace.count < 20)
                #expect((resolution.chain?.utf8.count ?? 0) <= 1024)
            }
        }
    }

    @Test("a long chain keeps its right end, which the proxies wrote")
    func keepsRightEnd() throws {
        let line = String(repeating: "6.6.6.6, ", count: 300) + "20.21.208.105"
        let resolution = try resolver(.xForwardedFor).resolve(
            peer: endpoint("10.0.0.2"), forwardedFor: [line], forwarded: [])
        let chain = try #require(resolution.chain)
        #expect(chain.utf8.count <= 1024 && chain.utf8.count > 1000)
        #expect(chain.hasPrefix("...") && chain.hasSuffix("6.6.6.6, 20.21.208.105"))
    }
}
