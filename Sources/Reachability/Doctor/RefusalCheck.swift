// Who was refused of late, those first that look like somebody who is listed: an address of VSee's that has changed looks
// like this.
package import Admission
package import Ledger

package struct RefusalCheck {
    private static let area = "refusals"
    private static let period = Duration.seconds(86_400)
    /// Sources that are told one by one.
    private static let shown = 10
    /// Entries that are read.
    private static let sample = 50_000

    private let policy: Policy?
    private let reader: any LedgerReading
    private let now: Instant

    /// - Parameter policy: nil when the lists cannot be read.
    package init(policy: Policy?, reader: any LedgerReading, now: Instant) {
        self.policy = policy
        self.reader = reader
        self.now = now
    }

    package func findings() throws -> [Finding] {
        var summary = RefusalSummary(entries: policy?.entries ?? [])
        var query = LedgerQuery()
        query.since = now - Self.period
        query.kinds = RecentAttempt.kinds
        query.verdicts = [.rejected]
        // Who is refused at the console is no sender.
        query.channels = [.webhook, .sftp]
        let rest = try reader.forEachRecent(query, limit: Self.sample) { attempt in
            summary.add(
                attempt.ip, .init(channel: attempt.channel, reason: attempt.reason), count: attempt.count,
                first: attempt.first, last: attempt.last)
        }
        return findings(summary, reads: rest.map { "only attempts since \($0) were read" })
    }

    /// - Parameter reads: what was left out, if anything was.
    func findings(_ summary: RefusalSummary, reads: String? = nil) -> [Finding] {
        let sources = summary.sorted
        guard !sources.isEmpty else {
            return [Finding(Self.area, .ok, "nobody was refused in the last 24 hours")]
        }
        var findings = sources.prefix(Self.shown).map(finding)
        let others = sources.dropFirst(Self.shown)
        let attempts = others.reduce(summary.forgotten) { $0 + $1.attempts }
        if attempts > 0 || reads != nil {
            findings.append(
                Finding(
                    Self.area, .ok,
                    (["other sources were refused \(attempts) times in the last 24 hours"]
                        + [reads].compactMap(\.self))
                        .joined(separator: "; "),
                    fix: "dropgate attempts --verdict rejected --since 1d"))
        }
        return findings
    }

    private func finding(_ source: RefusalSummary.Source) -> Finding {
        let kinds = source.kinds.sorted {
            ($1.value, $0.key.channel.rawValue, $0.key.reason.rawValue)
                < ($0.value, $1.key.channel.rawValue, $1.key.reason.rawValue)
        }
        let why = kinds.prefix(4).map { "\($0.key.channel.rawValue) \($0.key.reason.rawValue) \($0.value)" }
            .joined(separator: ", ")
        let when =
            source.first == source.last
            ? Age.ago(now - source.last)
            : "the first \(Age.ago(now - source.first)), the last \(Age.ago(now - source.last))"
        var text =
            "\(source.ip) was refused \(Self.times(source.attempts)) in the last 24 hours (\(why)), \(when)"
        if let nearest = source.nearest, source.isListed || source.isNear {
            let name = "\(UntrustedText.line(nearest.entry.id)) \(nearest.entry.cidr)"
            text +=
                source.isListed
                ? "; it is listed: \(name)"
                : "; its first \(nearest.bits) of \(source.width) bits are those of \(name)"
        } else {
            text += "; no listed address is near"
        }
        let isOfInterest = source.isListed || source.isNear
        let look = "dropgate attempts --source \(source.ip) --verdict rejected --since 1d"
        return Finding(
            Self.area, isOfInterest ? .warn : .ok, text,
            fix: source.isListed
                ? "\(look) shows what was wrong; dropgate source explain \(source.ip)"
                : isOfInterest
                    ? "ask VSee whether it calls from there: \(look); dropgate source add lists it" : look)
    }

    static func times(_ count: Int64) -> String { count == 1 ? "once" : "\(count) times" }
}
