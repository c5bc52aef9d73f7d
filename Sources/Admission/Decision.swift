// The decision on one attempt's source, with everything a ledger entry needs to explain it later.
// Whatever could not be worked out is rejected here, whatever the entries say.

/// An object: each attempt carries one from step to step, and every copy of its many members would cost.
package final class Decision: Sendable {
    package let verdict: Verdict
    package let reason: Reason
    package let source: Endpoint?
    package let peer: Endpoint?
    package let mode: AddressMode
    /// Ids (`list/service`) of the entries the verdict rests on, sorted, each once.
    package let entries: [String]
    /// The version of the policy that decided.
    package let policy: String
    package let chain: String?
    /// How the source was worked out, and what the policy says of it.
    private let steps: [String]
    private let match: PolicyMatch?

    package init(
        verdict: Verdict, reason: Reason, source: Endpoint?, peer: Endpoint?, mode: AddressMode,
        entries: [String], policy: String, chain: String?, trace: [String]
    ) {
        self.verdict = verdict
        self.reason = reason
        self.source = source
        self.peer = peer
        self.mode = mode
        self.entries = entries
        self.policy = policy
        self.chain = chain
        steps = trace
        match = nil
    }

    /// What the policy says of a source that was worked out.
    private init(_ match: PolicyMatch, of source: Endpoint, _ resolution: Resolution, policy: String) {
        verdict = match.verdict
        reason = match.reason
        self.source = source
        peer = resolution.peer
        mode = resolution.mode
        entries = match.entries
        self.policy = policy
        chain = resolution.chain
        steps = resolution.trace
        self.match = match
    }

    /// How the decision was come to, a sentence a step. Written when it is asked for: nobody reads it of an event that is accepted.
    package var trace: [String] {
        guard let match else { return steps }
        var trace = steps + match.trace
        if match.ip.isPrivate {
            trace.append("\(match.ip) is a private address: a NAT or proxy may hide who really called")
        }
        return trace
    }

    /// Accepted or observed: the attempt may go on.
    package var isAdmitted: Bool { verdict != .rejected }

    package static func decide(
        _ resolution: Resolution, channel: Channel, policy: Policy, at now: Instant
    ) -> Decision {
        func rejected(_ reason: Reason, _ steps: [String]) -> Decision {
            Decision(
                verdict: .rejected, reason: reason, source: nil, peer: resolution.peer, mode: resolution.mode,
                entries: [], policy: policy.version, chain: resolution.chain, trace: resolution.trace + steps)
        }
        if let failure = resolution.failure { return rejected(failure, []) }
        guard resolution.peer != nil, let source = resolution.source else {
            return rejected(
                .addressUndeterminable,
                ["the address of the peer is not known: no source can be worked out"])
        }
        let match = policy.match(source.ip, channel: channel, at: now)
        return Decision(match, of: source, resolution, policy: policy.version)
    }

    /// As above, but whom `narrowing` refuses is refused by that: lists that are good, and not in force.
    package static func decide(
        _ resolution: Resolution, channel: Channel, policy: Policy, narrowedBy narrowing: Policy?,
        at now: Instant
    ) -> Decision {
        let decision = decide(resolution, channel: channel, policy: policy, at: now)
        guard let narrowing, decision.isAdmitted else { return decision }
        let next = decide(resolution, channel: channel, policy: narrowing, at: now)
        return next.isAdmitted ? decision : next
    }
}
