// From a tally and the lists in force to a report. Pure: what must be looked up comes in.
package import Admission
import JSON
package import Ledger

package struct ReportBuilder {
    private let tally: LedgerTally
    private let policy: Policy
    private let seenBefore: Set<IPAddress>
    private let now: Instant
    private let timeBefore: (Int64) -> Instant?

    /// - Parameter seenBefore: sources of the period that came before it too.
    /// - Parameter timeBefore: the time of the entry before one, for gaps.
    package init(
        _ tally: LedgerTally, policy: Policy, seenBefore: Set<IPAddress>, now: Instant,
        timeBefore: @escaping (Int64) -> Instant?
    ) {
        self.tally = tally
        self.policy = policy
        self.seenBefore = seenBefore
        self.now = now
        self.timeBefore = timeBefore
    }

    package func report(node: String, since: Instant, until: Instant, seqs: ClosedRange<Int64>?) -> Report {
        var report = Report(
            node: node, since: since, until: until, made: now, policy: policy.version, seqs: seqs)
        addTotals(&report)
        report.sources = sources()
        report.entries = policy.entries.map(entry)
        let known = Set(policy.entries.map(\.id))
        report.removedEntries = tally.matched.filter { !known.contains($0.key) }
            .map { (id: $0.key, attempts: $0.value.attempts, last: $0.value.last) }.sorted { $0.id < $1.id }
        report.logins = tally.logins
            .map { login, count in
                Report.Login(
                    account: login.account, credential: login.credential, source: login.source,
                    count: count.attempts, last: count.last)
            }
            .sorted { ($0.account, $0.credential, $1.count) < ($1.account, $1.credential, $0.count) }
        addNotable(&report)
        report.findings = ReportFindings(report, tally).all
        return report
    }

    private func addTotals(_ report: inout Report) {
        report.attempts = tally.attempts
        var reasons: [Reason: Int64] = [:]
        for (group, count) in tally.groups {
            reasons[group.reason, default: 0] += count.attempts
            switch group.verdict {
            case .accepted: report.accepted += count.attempts
            case .rejected: report.rejected += count.attempts
            case .observed: report.observed += count.attempts
            }
        }
        report.reasons = Self.sorted(reasons)
        guard let first = tally.days.keys.min(), let last = tally.days.keys.max() else { return }
        // A day on which nobody came is a day too.
        report.days = (first...last).map { number in
            let verdicts = tally.days[number] ?? [:]
            return Report.Day(
                number: number, accepted: verdicts[.accepted] ?? 0, rejected: verdicts[.rejected] ?? 0,
                observed: verdicts[.observed] ?? 0)
        }
    }

    private static func sorted(_ reasons: [Reason: Int64]) -> [(reason: Reason, count: Int64)] {
        reasons.map { (reason: $0.key, count: $0.value) }
            .sorted { ($1.count, $0.reason.rawValue) < ($0.count, $1.reason.rawValue) }
    }

    // MARK: Sources

    private struct Key: Hashable {
        var ip: IPAddress?
        var channel: Channel?
    }

    private func sources() -> [Report.Source] {
        var found: [Key: (source: Report.Source, reasons: [Reason: Int64])] = [:]
        for (group, count) in tally.groups {
            let key = Key(ip: group.source, channel: group.channel)
            var entry =
                found[key]
                ?? (
                    Report.Source(ip: key.ip, channel: key.channel, first: count.first, last: count.last), [:]
                )
            switch group.verdict {
            case .accepted: entry.source.accepted += count.attempts
            case .rejected: entry.source.rejected += count.attempts
            case .observed: entry.source.observed += count.attempts
            }
            entry.reasons[group.reason, default: 0] += count.attempts
            entry.source.first = min(entry.source.first, count.first)
            entry.source.last = max(entry.source.last, count.last)
            found[key] = entry
        }
        return found.values.map { source, reasons in
            var source = source
            source.reasons = Self.sorted(reasons)
            if let ip = source.ip {
                source.isNew = !seenBefore.contains(ip)
                if reasons[.notListed] != nil { source.near = neighbour(of: ip)?.id }
            }
            return source
        }.sorted { a, b in
            a.total != b.total ? a.total > b.total : (a.ip?.description ?? "") < (b.ip?.description ?? "")
        }
    }

    /// An entry in the same /24 (IPv4) or /64 (IPv6) that does not hold the address.
    private func neighbour(of ip: IPAddress) -> SourceEntry? {
        let prefix = ip.isIPv4 ? 3 : 8
        let network = ip.bytes.prefix(prefix)
        return policy.entries.first { entry in
            entry.cidr.base.isIPv4 == ip.isIPv4 && !entry.cidr.contains(ip)
                && entry.cidr.base.bytes.prefix(prefix).elementsEqual(network)
        }
    }

    private func entry(_ entry: SourceEntry) -> Report.Entry {
        let soon = now + .seconds(30 * 86400)
        var state = entry.state(at: now)
        if state == "in force" {
            if let review = entry.reviewBy, review <= soon { state = "review soon" }
            if let expires = entry.expires, expires <= soon { state = "expires soon" }
        }
        let count = tally.matched[entry.id]
        return Report.Entry(
            id: entry.id, cidr: entry.cidr, attempts: count?.attempts ?? 0, last: count?.last, state: state)
    }

    // MARK: Policy, service, access

    /// An export in words; nil for another access.
    private static func export(_ reason: String?, _ detail: JSONValue?) -> String? {
        func words(_ names: String...) -> String {
            names.compactMap { detail?[$0]?.string }.joined(separator: " ")
        }
        switch reason {
        case Reason.exported.rawValue: return words("user", "command", "format", "query")
        case Reason.exportedInPart.rawValue:
            let whole = (detail?["part_of"]?.int).map { " of entry \($0)" } ?? ""
            return "\(words("user", "command"))\(whole) ended in part: \(words("why"))"
        default: return nil
        }
    }

    private func addNotable(_ report: inout Report) {
        var isRunning: Bool?
        for stored in tally.notable {
            guard let entry = try? stored.value(), let kind = entry["kind"]?.string else { continue }
            let detail = entry["detail"]
            switch kind {
            case EntryKind.policy.rawValue:
                // Lists that are good again, and as they were, have a message alone.
                let message = detail?["message"]?.string.map { [$0] } ?? []
                let lines = (detail?["diff"] ?? detail?["problems"])?.array?.compactMap(\.string) ?? message
                report.changes.append(
                    Report.Change(
                        time: stored.time, isRejected: entry["verdict"]?.string == Verdict.rejected.rawValue,
                        lines: lines))
            case EntryKind.access.rawValue:
                // A collector's looks and acknowledgements are of drops, not of the ledger.
                guard let what = Self.export(entry["reason"]?.string, detail) else { continue }
                report.exports.append(Report.ServiceEvent(time: stored.time, what: what))
            default:
                let reason = entry["reason"]?.string ?? ""
                var event = Report.ServiceEvent(time: stored.time, what: Self.words(reason, detail))
                if reason == Reason.started.rawValue {
                    if isRunning == true, let before = timeBefore(stored.seq) {
                        event.gap = (stored.time - before).components.seconds
                    }
                    isRunning = true
                }
                if reason == Reason.stopped.rawValue { isRunning = false }
                if reason == Reason.silent.rawValue {
                    report.silences.append("\(stored.time): \(detail?["message"]?.string ?? "")")
                }
                report.services.append(event)
            }
        }
    }

    private static func words(_ reason: String, _ detail: JSONValue?) -> String {
        if detail?[KeyRotation.member] != nil { return "the ledger's signing key was changed" }
        if let removed = detail?[LedgerSegment.removalMember] {
            return "retention removed entries \(removed["first"]?.int ?? 0) to \(removed["last"]?.int ?? 0)"
        }
        let more = ["version", "error", "message"].compactMap { detail?[$0]?.string }.joined(separator: " ")
        return more.isEmpty ? reason : "\(reason) (\(more))"
    }
}
