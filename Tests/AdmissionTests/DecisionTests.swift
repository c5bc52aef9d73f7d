// From a resolution to a decision: whatever is not known is rejected, whatever the entries say.
import Admission
import Testing

@Suite struct DecisionTests {
    private func policy() throws -> Policy {
        try Policy(entries: [
            entry("20.21.208.105"), entry("20.21.208.105", service: "messenger", channels: [.webhook]),
            entry("0.0.0.0/1", service: "trial", channels: [.webhook], mode: .observe),
        ])
    }

    @Test("tells the whole way from the peer to the entry")
    func traces() throws {
        let resolver = try AddressResolver(mode: .xForwardedFor, trustedProxies: [CIDRBlock("10.0.0.0/8")])
        let resolution = resolver.resolve(
            peer: try endpoint("10.0.0.2", 999), forwardedFor: ["20.21.208.105"], forwarded: [])
        let policy = try policy()
        let decision = Decision.decide(resolution, channel: .sftp, policy: policy, at: noon)
        #expect(decision.isAdmitted && decision.verdict == .accepted && decision.reason == .listed)
        #expect(decision.entries == ["vsee-qatar/clinic"])
        #expect(
            try decision.source == endpoint("20.21.208.105") && decision.peer == endpoint("10.0.0.2", 999))
        #expect(decision.policy == policy.version && decision.mode == .xForwardedFor)
        #expect(decision.chain == "20.21.208.105")
        #expect(
            decision.trace.prefix(3) == [
                "peer 10.0.0.2 is a trusted proxy",
                "x-forwarded-for hop 20.21.208.105 is not trusted: it is the source",
                "20.21.208.105 matches vsee-qatar/clinic 20.21.208.105/32 (enforce, webhook+sftp)",
            ])
    }

    @Test(
        "a failed resolution is rejected for its reason and has no source",
        arguments: [Reason.addressUndeterminable, .badProxyHeader])
    func rejectsFailures(_ failure: Reason) throws {
        // Even one that, against its contract, carries a listed source.
        let listed = try endpoint("20.21.208.105")
        let resolution = Resolution(
            peer: listed, source: listed, failure: failure, mode: .proxyProtocol, chain: "x", trace: ["step"])
        let decision = try Decision.decide(resolution, channel: .webhook, policy: policy(), at: noon)
        #expect(!decision.isAdmitted && decision.verdict == .rejected && decision.reason == failure)
        #expect(decision.source == nil && decision.entries.isEmpty && decision.peer == listed)
        #expect(decision.chain == "x" && decision.trace == ["step"])
    }

    @Test("without a peer or a source nothing is admitted")
    func rejectsUnknown() throws {
        let listed = try endpoint("20.21.208.105")
        for (peer, source) in [(nil, listed), (listed, nil), (nil, nil)] as [(Endpoint?, Endpoint?)] {
            let resolution = Resolution(peer: peer, source: source, failure: nil, mode: .direct)
            let decision = try Decision.decide(resolution, channel: .webhook, policy: policy(), at: noon)
            #expect(!decision.isAdmitted && decision.reason == .addressUndeterminable)
            #expect(decision.source == nil && decision.trace.count == 1)
        }
    }

    @Test("observed sources are let in and marked")
    func observes() throws {
        let resolution = try AddressResolver(mode: .direct, trustedProxies: []).resolve(
            peer: endpoint("9.9.9.9", 5))
        let decision = try Decision.decide(resolution, channel: .webhook, policy: policy(), at: noon)
        #expect(decision.isAdmitted && decision.verdict == .observed && decision.reason == .notListed)
        #expect(decision.entries == ["vsee-qatar/trial"])
        let other = try Decision.decide(resolution, channel: .sftp, policy: policy(), at: noon)
        #expect(!other.isAdmitted && other.reason == .wrongChannel)
    }

    @Test("a private source is said to hide the caller")
    func warnsOfPrivate() throws {
        let resolution = try AddressResolver(mode: .direct, trustedProxies: []).resolve(
            peer: endpoint("192.168.1.1"))
        let decision = try Decision.decide(resolution, channel: .webhook, policy: policy(), at: noon)
        #expect(
            decision.trace.last
                == "192.168.1.1 is a private address: a NAT or proxy may hide who really called")
    }
}
