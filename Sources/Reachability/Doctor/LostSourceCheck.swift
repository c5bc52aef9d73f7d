// Sources that the lists let in before and do not any more: after a change of the lists, or once an entry expired, somebody
// who is wanted may stand outside.
package import Admission
import JSON
package import Ledger

package struct LostSourceCheck {
    private static let area = "sources"
    /// How far back.
    private static let period = Duration.seconds(30 * 86_400)
    /// Entries that are read, sources that are looked up at once, and sources that are told.
    private static let sample = 30_000
    private static let batch = 1000
    private static let shown = 10

    private let policy: Policy?
    private let reader: any LedgerReading
    private let now: Instant

    private typealias Key = CallerHistory.Caller

    private struct Refusals {
        var attempts: Int64 = 0
        /// The newest entry.
        var newest: CallerHistory.Refusal
        /// By entry, from the newest back.
        var entries: [(time: Instant, count: Int64)] = []
        var last: Instant
        /// Refusals whose times are kept.
        static let kept = 256
    }

    private struct Lost {
        var key: Key
        var letIn: CallerHistory.LetIn
        var refusals: Refusals
    }

    /// - Parameter policy: nil when the lists cannot be read.
    package init(policy: Policy?, reader: any LedgerReading, now: Instant) {
        self.policy = policy
        self.reader = reader
        self.now = now
    }

    package func findings() throws -> [Finding] {
        var refused: [Key: Refusals] = [:]
        var lost: [Key: Lost] = [:]
        var strangers: Set<Key> = []
        var query = LedgerQuery()
        query.since = now - Self.period
        query.kinds = RecentAttempt.kinds
        query.verdicts = [.rejected]
        query.reasons = CallerHistory.reasons
        let rest = try reader.forEachRecent(query, limit: Self.sample) { attempt in
            let key = Key(ip: attempt.ip, channel: attempt.channel)
            if lost[key] != nil || strangers.contains(key) { return }
            var refusals =
                refused[key]
                ?? Refusals(
                    newest: .init(reason: attempt.reason, seq: attempt.seq, policy: attempt.policy),
                    last: attempt.last)
            if refusals.entries.count < Refusals.kept {
                refusals.entries.append((attempt.time, attempt.count))
            }
            refusals.attempts += attempt.count
            refused[key] = refusals
            // Of strangers the addresses alone are kept, at most one for each entry that is read.
            if refused.count >= Self.batch { try look(at: &refused, into: &lost, &strangers) }
        }
        try look(at: &refused, into: &lost, &strangers)
        var history = CallerHistory(reader)
        var findings = try lost.values.sorted { $0.refusals.last > $1.refusals.last }.prefix(Self.shown)
            .map { try finding($0, &history) }
        if let rest {
            let text = "for sources that were let in before, only refusals since \(rest) were checked"
            findings.append(Finding(Self.area, .ok, text))
        }
        return findings
    }

    /// - Parameter strangers: gets those who were not let in before what refused them.
    private func look(
        at refused: inout [Key: Refusals], into lost: inout [Key: Lost], _ strangers: inout Set<Key>
    ) throws {
        let history = CallerHistory(reader)
        for (key, refusals) in refused where lost[key] == nil {
            // There may be thousands, and the gate that asks may be stopping.
            try Task.checkCancellation()
            if isOutside(key), let letIn = try history.lastLetIn(key, since: now - Self.period),
                letIn.time < refusals.last
            {
                lost[key] = Lost(key: key, letIn: letIn, refusals: refusals)
            } else {
                strangers.insert(key)
            }
        }
        refused = [:]
    }

    /// Not let in by the lists as they are now.
    private func isOutside(_ key: Key) -> Bool {
        guard let policy else { return true }
        return !policy.admits(key.ip, channel: key.channel, at: now)
    }

    private func finding(_ lost: Lost, _ history: inout CallerHistory) throws -> Finding {
        let (ip, channel, letIn) = (lost.key.ip, lost.key.channel.rawValue, lost.letIn)
        let after = lost.refusals.entries.filter { $0.time > letIn.time }
        let attempts =
            after.count == Refusals.kept ? lost.refusals.attempts : after.reduce(0) { $0 + $1.count }
        let names = letIn.entries.map(UntrustedText.line)
        let listed = names.isEmpty ? "" : ", as \(names.joined(separator: ", "))"
        let refused =
            "\(RefusalCheck.times(attempts)) (\(lost.refusals.newest.reason.rawValue)), "
            + "the last \(Age.ago(now - lost.refusals.last))"
        let change = try history.change(after: letIn, of: lost.key, refusal: lost.refusals.newest)
        let changed =
            change.map { "; the source lists changed \(Age.ago(now - $0.time)) (entry \($0.seq))" } ?? ""
        return Finding(
            Self.area, .warn,
            "\(ip) was let in on \(channel) until \(Age.ago(now - letIn.time))\(listed), and has been refused "
                + "since \(refused)\(changed)",
            fix:
                "if it is wanted: dropgate source explain \(ip), then dropgate source add; if not, tell its owner to stop; "
                + "dropgate attempts --source \(ip) shows all")
    }
}
