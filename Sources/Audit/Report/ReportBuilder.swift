// From a tally and the lists of its period to a report. Pure: what must be looked up comes in.
package import Admission
package import Ledger

package struct ReportBuilder {
    private let tally: LedgerTally
    private let policy: Policy
    private let ground: ReportGround
    private let now: Instant

    package init(_ tally: LedgerTally, policy: Policy, ground: ReportGround, now: Instant) {
        self.tally = tally
        self.policy = policy
        self.ground = ground
        self.now = now
    }

    /// - Parameter period: that of the tally.
    package func report(node: String, period: ReportPeriod) -> Report {
        var report = Report(
            node: node, period: period, made: now, beginning: ground.beginning, policy: policy.version,
            seqs: tally.seqs)
        addTotals(&report)
        report.sources = sources()
        report.untold = tally.untold
        report.newAreMore = ground.newAreMore
        addEntries(&report)
        report.logins = tally.logins
            .map { login, count in
                Report.Login(
                    account: login.account, credential: login.credential, source: login.source,
                    count: count.attempts, last: count.last)
            }
            .sorted { ($0.account, $0.credential, $1.count) < ($1.account, $1.credential, $0.count) }
        ReportEvents(ground).add(tally.notable, to: &report)
        report.leftOut = tally.leftOut
        report.findings = ReportFindings(report, tally).all
        return report
    }

    private func addTotals(_ report: inout Report) {
        report.attempts = tally.attempts
        var reasons: [Reason: Int64] = [:]
        for (group, count) in tally.groups {
            reasons[group.reason, default: 0] += count.attempts
            report.verdicts[group.reason, default: [:]][group.verdict, default: 0] += count.attempts
            switch group.verdict {
            case .accepted: report.accepted += count.attempts
            case .rejected: report.rejected += count.attempts
            case .observed: report.observed += count.attempts
            }
        }
        report.reasons = Report.sorted(reasons)
        let period = report.period
        report.steps = Self.steps(period.steps(of: period.step), of: period.step, tally.steps)
        report.days = Self.steps(days(period), of: LedgerTally.day, tally.days)
    }

    /// Days of a list at most, some ten years; of a longer period there are those from the first attempt to the last.
    private static let mostDays = 4000

    private func days(_ period: ReportPeriod) -> ClosedRange<Int64>? {
        let all = period.steps(of: LedgerTally.day)
        if all.count <= Self.mostDays { return all }
        guard let first = tally.days.keys.min(), let last = tally.days.keys.max() else { return nil }
        return first...last
    }

    /// A step in which nobody came is a step too.
    private static func steps(
        _ numbers: ClosedRange<Int64>?, of length: Int64, _ counts: [Int64: [Verdict: Int64]]
    ) -> [Report.Step] {
        guard let numbers else { return [] }
        return numbers.map { number in
            let verdicts = counts[number] ?? [:]
            return Report.Step(
                start: Instant(microseconds: number * length), accepted: verdicts[.accepted] ?? 0,
                rejected: verdicts[.rejected] ?? 0, observed: verdicts[.observed] ?? 0)
        }
    }

    // MARK: Sources

    private func sources() -> [Report.Source] {
        // Observed ones were let in, and have the same reason.
        let refused = Set(
            tally.groups.keys.filter { $0.verdict == .rejected && $0.reason == .notListed }.map(\.caller))
        return ground.sources.map { source in
            var source = source
            if refused.contains(source.caller) { source.near = neighbour(of: source.caller)?.id }
            return source
        }
    }

    /// The entry that a caller that is not listed is near to.
    private func neighbour(of caller: LedgerTally.Caller) -> SourceEntry? {
        switch caller {
        case .source(let ip): policy.neighbour(of: ip)
        case .network(let block): policy.entries.first { block.contains($0.cidr.base) }
        case .unknown: nil
        }
    }

    /// As addresses; what has none comes first.
    static func isBelow(_ a: IPAddress?, _ b: IPAddress?) -> Bool {
        guard let b else { return false }
        return a.map { $0 < b } ?? true
    }

    // MARK: Entries of the lists

    /// Each entry by itself: several may have one name, and the source tells which of them it was.
    private func addEntries(_ report: inout Report) {
        let byName = Dictionary(grouping: tally.matched, by: \.key.entry)
        report.entries = policy.entries.map { entry($0, byName[$0.id] ?? []) }
        let known = Dictionary(grouping: policy.entries, by: \.id)
        var removed: [String: LedgerTally.Count] = [:]
        for (match, count) in tally.matched where match.verdict != .rejected {
            if known[match.entry]?.contains(where: { Self.isOf($0, match) }) == true { continue }
            if removed[match.entry]?.add(count) == nil { removed[match.entry] = count }
        }
        report.removedEntries = removed.map { (id: $0.key, attempts: $0.value.attempts, last: $0.value.last) }
            .sorted { $0.id < $1.id }
        report.expiries = tally.matched.filter { $0.key.reason == .entryExpired }
            .map { match, count in
                Report.Expiry(
                    entry: match.entry, source: match.source, channel: match.channel,
                    attempts: count.attempts,
                    last: count.last)
            }
            .sorted { a, b in
                if a.entry != b.entry { return a.entry < b.entry }
                if a.source != b.source { return Self.isBelow(a.source, b.source) }
                return a.channel?.rawValue ?? "" < b.channel?.rawValue ?? ""
            }
    }

    private static func isOf(_ entry: SourceEntry, _ match: LedgerTally.Match) -> Bool {
        (match.source.map(entry.cidr.contains) ?? true)
            && (match.channel.map(entry.channels.contains) ?? true)
    }

    private func entry(
        _ entry: SourceEntry, _ matches: [(key: LedgerTally.Match, value: LedgerTally.Count)]
    ) -> Report.Entry {
        let soon = now + .seconds(30 * 86400)
        var state = entry.state(at: now)
        if state == "in force" {
            if let review = entry.reviewBy, review <= soon { state = "review soon" }
            if let expires = entry.expires, expires <= soon { state = "expires soon" }
        }
        var row = Report.Entry(
            id: entry.id, cidr: entry.cidr, attempts: 0, observed: 0, rejected: 0, last: nil, state: state)
        for (match, count) in matches where Self.isOf(entry, match) {
            if match.verdict == .rejected {
                row.rejected += count.attempts
                continue
            }
            row.attempts += count.attempts
            if match.verdict == .observed { row.observed += count.attempts }
            row.last = max(row.last ?? count.last, count.last)
        }
        return row
    }
}
