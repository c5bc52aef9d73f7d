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
    /// What the lists alone decide.
    private static let reasons: Set<Reason> = [.notListed, .entryExpired, .wrongChannel]

    private let policy: Policy?
    private let reader: any LedgerReading
    private let now: Instant

    private struct Key: Hashable {
        var ip: IPAddress
        var channel: Channel
    }

    private struct Refusals {
        var attempts: Int64 = 0
        var reason: Reason
        /// By entry, from the newest back.
        var entries: [(time: Instant, count: Int64)] = []
        var last: Instant
        /// Refusals whose times are kept.
        static let kept = 256
    }

    private struct Lost {
        var key: Key
        var accepted: StoredEntry
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
        var query = LedgerQuery()
        query.since = now - Self.period
        query.kinds = RecentAttempt.kinds
        query.verdicts = [.rejected]
        query.reasons = Self.reasons
        let rest = try reader.forEachRecent(query, limit: Self.sample) { attempt in
            let key = Key(ip: attempt.ip, channel: attempt.channel)
            if lost[key] != nil { return }
            var refusals = refused[key] ?? Refusals(reason: attempt.reason, last: attempt.last)
            if refusals.entries.count < Refusals.kept {
                refusals.entries.append((attempt.time, attempt.count))
            }
            refusals.attempts += attempt.count
            refused[key] = refusals
            // Strangers are forgotten again, so that they cannot fill the memory.
            if refused.count >= Self.batch { try look(at: &refused, into: &lost) }
        }
        try look(at: &refused, into: &lost)
        var findings = try lost.values.sorted { $0.refusals.last > $1.refusals.last }.prefix(Self.shown).map(
            finding)
        if let rest {
            let text = "for sources that were let in before, only refusals since \(rest) were looked at"
            findings.append(Finding(Self.area, .ok, text))
        }
        return findings
    }

    private func look(at refused: inout [Key: Refusals], into lost: inout [Key: Lost]) throws {
        for (key, refusals) in refused where lost[key] == nil && isOutside(key) {
            guard let accepted = try lastAccepted(key), accepted.time < refusals.last else { continue }
            lost[key] = Lost(key: key, accepted: accepted, refusals: refusals)
        }
        refused = [:]
    }

    /// Not let in by the lists as they are now.
    private func isOutside(_ key: Key) -> Bool {
        guard let policy else { return true }
        return policy.match(key.ip, channel: key.channel, at: now).verdict == .rejected
    }

    private func lastAccepted(_ key: Key) throws -> StoredEntry? {
        guard let block = try? CIDRBlock(key.ip.description) else { return nil }
        var query = LedgerQuery()
        query.order = .newestFirst
        query.limit = 1
        query.since = now - Self.period
        query.sources = [block]
        query.channels = [key.channel]
        query.kinds = RecentAttempt.kinds
        query.verdicts = [.accepted]
        query.reasons = [.listed]
        return try reader.entries(query).first
    }

    private func finding(_ lost: Lost) throws -> Finding {
        let (ip, channel) = (lost.key.ip, lost.key.channel.rawValue)
        let after = lost.refusals.entries.filter { $0.time > lost.accepted.time }
        let attempts =
            after.count == Refusals.kept ? lost.refusals.attempts : after.reduce(0) { $0 + $1.count }
        let names = (try lost.accepted.value()["entries"]?.array ?? []).compactMap(\.string).map(
            UntrustedText.line)
        let listed = names.isEmpty ? "" : ", as \(names.joined(separator: ", "))"
        let refused =
            "\(RefusalCheck.times(attempts)) (\(lost.refusals.reason.rawValue)), "
            + "the last \(Age.ago(now - lost.refusals.last))"
        return Finding(
            Self.area, .warn,
            "\(ip) was let in on \(channel) until \(Age.ago(now - lost.accepted.time))\(listed), and has been refused "
                + "since \(refused)\(try change(since: lost.accepted.time))",
            fix:
                "if it is wanted: dropgate source explain \(ip), then dropgate source add; if not, tell its owner to stop; "
                + "dropgate attempts --source \(ip) shows all")
    }

    /// The last change of the lists since then.
    private func change(since: Instant) throws -> String {
        var query = LedgerQuery()
        query.order = .newestFirst
        query.since = since
        query.kinds = [.policy]
        query.reasons = [.changed]
        query.limit = 8
        let lists = try reader.entries(query).first { try $0.value()["detail"]?["from"] != nil }
        return lists.map { "; the source lists changed \(Age.ago(now - $0.time)) (entry \($0.seq))" } ?? ""
    }
}
