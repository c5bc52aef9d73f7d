// Who calls, as far as the accepted connection alone tells: its address, and what is decided on it before a byte is read.
import Admission
import Intake
import JSON
import Ledger
import Settings

struct Caller: Sendable {
    let peer: Endpoint?
    /// In the modes where the peer stands for the whole connection, and of a peer that is no trusted proxy in the others.
    var resolution: Resolution?
    var decision: Decision?

    init(_ peer: Endpoint?, _ listener: WebhookListener) {
        self.peer = peer
        guard let known = Self.resolution(peer, listener.resolver) else { return }
        resolution = known
        decision = listener.intake.admit(known, channel: .webhook)
    }

    /// nil: a trusted proxy will say for whom it calls.
    private static func resolution(_ peer: Endpoint?, _ resolver: AddressResolver) -> Resolution? {
        if !resolver.mode.asksProxies { return resolver.resolve(peer: peer) }
        if let peer, resolver.isTrusted(peer.ip) { return nil }
        // Whatever the header of such a peer would say, it is refused: it need not send one.
        return resolver.mode.readsProxyHeader
            ? resolver.resolve(peer: peer, proxy: .unknown) : resolver.resolve(peer: peer)
    }

    /// Whether the caller may go on to say something. An unlisted source may where it is to be refused in HTTP.
    func mayEnter(_ listener: WebhookListener) -> Bool {
        guard let decision, !decision.isAdmitted else { return true }
        return listener.settings.unlisted != .close && decision.source != nil
    }

    /// An entry about the connection as a whole.
    func attempt(
        _ reason: Reason, verdict: Verdict = .rejected, mode: AddressMode, detail: [String: JSONValue] = [:]
    ) -> Attempt {
        var attempt: Attempt
        if let decision {
            attempt = Attempt(kind: .connection, channel: .webhook, decision: decision)
            // Refused before: that stays the reason.
            if decision.isAdmitted {
                attempt.verdict = verdict
                attempt.reason = reason
            } else if reason != decision.reason {
                attempt.detail["ended_by"] = .string(reason.rawValue)
            }
        } else {
            attempt = Attempt(kind: .connection, channel: .webhook, verdict: verdict, reason: reason)
            attempt.peer = peer
            attempt.addressMode = mode
        }
        attempt.detail.merge(detail) { _, new in new }
        return attempt
    }
}
