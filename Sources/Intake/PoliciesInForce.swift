// The policy by which sources are let in, and one that is to come: each may be asked by any thread for each request.
import Admission
import Synchronization

final class PoliciesInForce: Sendable {
    /// An object: every request looks at it, and a copy of two policies for each would cost.
    private final class Pair: Sendable {
        let inForce: Policy
        /// Good lists that cannot be put in force yet; what they refuse is refused.
        let coming: Policy?

        init(inForce: Policy, coming: Policy? = nil) {
            self.inForce = inForce
            self.coming = coming
        }
    }

    private let pair: Mutex<Pair>
    private let clock: @Sendable () -> Instant

    init(_ policy: Policy, clock: @escaping @Sendable () -> Instant) {
        pair = Mutex(Pair(inForce: policy))
        self.clock = clock
    }

    var inForce: Policy { pair.withLock(\.inForce) }
    var coming: Policy? { pair.withLock(\.coming) }

    /// From now on refuses what `policy` refuses, too; nil: nothing is to come any more.
    func narrow(to policy: Policy?) { pair.withLock { $0 = Pair(inForce: $0.inForce, coming: policy) } }

    func use(_ policy: Policy) { pair.withLock { $0 = Pair(inForce: policy) } }

    func admit(_ resolution: Resolution, channel: Channel) -> Decision {
        let (pair, now) = (pair.withLock(\.self), clock())
        return Decision.decide(
            resolution, channel: channel, policy: pair.inForce, narrowedBy: pair.coming, at: now)
    }

    /// Of who is let in still the decision stays as it was.
    func admitAgain(_ decision: Decision, channel: Channel) -> Decision {
        guard let source = decision.source else { return decision }
        let (pair, now) = (pair.withLock(\.self), clock())
        let isStillIn = pair.inForce.admits(source.ip, channel: channel, at: now)
        if isStillIn, pair.coming?.admits(source.ip, channel: channel, at: now) ?? true { return decision }
        return admit(
            Resolution(
                peer: decision.peer, source: source, failure: nil, mode: decision.mode, chain: decision.chain,
                trace: ["let in before, by the policy \(decision.policy)"]), channel: channel)
    }
}
