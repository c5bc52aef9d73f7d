// Whether something in front of the gate puts its own address in place of the callers': then nobody can be told from another,
// and whoever is listed is refused, or everybody is let in.
package import Admission
import JSON
package import Ledger

package struct TranslationCheck {
    /// Entries that are looked at.
    private static let sample = 1000
    /// Attempts that are enough while somebody from outside is seen as well; while nobody is, one is.
    private static let fewest = 3
    /// Attempts that are enough where they could be of the gate's own people: a monitor on this machine, a listed address.
    private static let many = 20

    private let policy: Policy?
    private let own: Set<IPAddress>
    private let reader: any LedgerReading
    private let now: Instant

    /// What is known of one private address.
    private struct Seen {
        var attempts: Int64 = 0
        var first: Instant
        /// A connection of this machine that said nothing may be a monitor's, or the doctor's own.
        var saysNothing = true
        var isListed: Bool
    }

    /// - Parameters:
    ///   - own: addresses of this machine.
    ///   - policy: nil when the lists cannot be read.
    package init(policy: Policy?, own: Set<IPAddress>, reader: any LedgerReading, now: Instant) {
        self.policy = policy
        self.own = own
        self.reader = reader
        self.now = now
    }

    package func findings() throws -> [Finding] {
        var seen: [IPAddress: Seen] = [:]
        var outside: Instant?
        var accepted = false
        var query = LedgerQuery()
        query.kinds = RecentAttempt.kinds
        _ = try reader.forEachRecent(query, limit: Self.sample) { attempt in
            let isOwn = attempt.ip.isLoopback || own.contains(attempt.ip)
            // A balancer's look at the port says nothing.
            guard attempt.reason != .incomplete else { return }
            guard isOwn || attempt.ip.isPrivate else {
                outside = outside ?? attempt.time
                return
            }
            // It called when others were still seen as what they are.
            guard outside == nil else { return seen[attempt.ip] = nil }
            var known = seen[attempt.ip] ?? Seen(first: attempt.first, isListed: isListed(attempt))
            known.attempts += attempt.count
            known.first = min(known.first, attempt.first)
            if !isOwn || attempt.kind != .connection { known.saysNothing = false }
            if attempt.verdict != .rejected, known.isListed { accepted = true }
            seen[attempt.ip] = known
        }
        return finding(seen, outside: outside, accepted: accepted).map { [$0] } ?? []
    }

    private func isListed(_ attempt: RecentAttempt) -> Bool {
        guard let policy else { return false }
        return policy.admits(attempt.ip, channel: attempt.channel, at: now)
    }

    private func finding(_ seen: [IPAddress: Seen], outside: Instant?, accepted: Bool) -> Finding? {
        let total = seen.values.reduce(0) { $0 + $1.attempts }
        // Who lists addresses of the inside expects them: only one that stands for nearly all is strange.
        let suspects = seen.filter { _, known in
            known.saysNothing || known.isListed || accepted
                ? known.attempts >= Self.many && known.attempts * 2 > total : true
        }
        let attempts = suspects.values.reduce(0) { $0 + $1.attempts }
        guard attempts >= (outside == nil ? 1 : Int64(Self.fewest)),
            let first = suspects.values.map(\.first).min()
        else { return nil }
        let most = suspects.sorted { ($1.value.attempts, $0.key) < ($0.value.attempts, $1.key) }
        let names = most.prefix(3).map { "\($0.key) (\($0.value.attempts))" }.joined(separator: ", ")
        let more = most.count > 3 ? " and \(most.count - 3) more" : ""
        let others =
            outside.map { "and nobody from outside since \(Age.ago(now - $0))" } ?? "and none from outside"
        return Finding(
            "sources", .warn,
            "\(attempts) of the last attempts, the first \(Age.ago(now - first)), came from private addresses, "
                + "\(names)\(more), \(others): a NAT or a load balancer hides the sources, or somebody inside calls",
            fix:
                "let what stands in front pass the address on (PROXY protocol, X-Forwarded-For) and set address: and "
                + "trusted_proxies: of the listener, or turn source translation off; "
                + "dropgate attempts --source \(most[0].key) shows the attempts")
    }
}
