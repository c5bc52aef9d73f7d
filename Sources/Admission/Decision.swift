// The decision on one attempt's source, with everything a ledger entry needs to explain it later.
// Whatever could not be worked out is rejected here, whatever the entries say.

package struct Decision: Sendable, Hashable {
    package var verdict: Verdict
    package var reason: Reason
    package var source: Endpoint?
    package var peer: Endpoint?
    package var mode: AddressMode
    /// Ids (`list/service`) of the entries the verdict rests on, sorted, each once.
    package var entries: [String]
    /// The version of the policy that decided.
    package var policy: String
    package var chain: String?
    /// How the source was worked out, and what the policy says of it.
    private var steps: [String]
    private var match: PolicyMatch?

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
        var decision = Decision(
            verdict: .rejected, reason: .addressUndeterminable, source: nil, peer: resolution.peer,
            mode: resolution.mode, entries: [], policy: policy.version, chain: resolution.chain,
            trace: resolution.trace)
        if let failure = resolution.failure {
            decision.reason = failure
            return decision
        }
        guard resolution.peer != nil, let source = resolution.source else {
            decision.steps.append("the address of the peer is not known: no source can be worked out")
            return decision
        }
        let match = policy.match(source.ip, channel: channel, at: now)
        decision.source = source
        decision.verdict = match.verdict
        decision.reason = match.reason
        decision.entries = match.entries
        decision.match = match
        return decision
    }
}
