// The sources of a tally as rows of a report, and of which of them it is asked whether they came before. Pure.
import Admission
import Ledger

struct ReportSources {
    /// Most attempts first, then by address.
    private(set) var rows: [Report.Source]

    private struct Key: Hashable {
        var caller: LedgerTally.Caller
        var channel: Channel?
    }

    init(_ tally: LedgerTally) {
        var found: [Key: (source: Report.Source, reasons: [Reason: Int64])] = [:]
        for (group, count) in tally.groups {
            let key = Key(caller: group.caller, channel: group.channel)
            var entry =
                found[key]
                ?? (
                    Report.Source(
                        caller: key.caller, channel: key.channel, first: count.first, last: count.last), [:]
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
        rows = found.values.map { source, reasons in
            var source = source
            source.reasons = Report.sorted(reasons)
            return source
        }.sorted(by: Self.comesFirst)
    }

    private static func comesFirst(_ a: Report.Source, _ b: Report.Source) -> Bool {
        if a.total != b.total { return a.total > b.total }
        if a.caller != b.caller { return a.caller < b.caller }
        return a.channel?.rawValue ?? "" < b.channel?.rawValue ?? ""
    }

    /// Those that a report shows, and all that were let in: each costs a look at every day before.
    var asked: Set<IPAddress> {
        let letIn = rows.filter { $0.accepted + $0.observed > 0 }
        return Set((rows.prefix(Report.mostSources) + letIn).compactMap(\.ip))
    }

    /// - Parameters:
    ///   - asked: as above.
    ///   - seen: those of them that came before.
    mutating func mark(_ asked: Set<IPAddress>, seen: Set<IPAddress>) {
        let new = asked.subtracting(seen)
        for index in rows.indices {
            if let ip = rows[index].ip { rows[index].isNew = new.contains(ip) }
        }
    }
}

extension Report {
    /// Most attempts first.
    static func sorted(_ reasons: [Reason: Int64]) -> [(reason: Reason, count: Int64)] {
        reasons.map { (reason: $0.key, count: $0.value) }
            .sorted { ($1.count, $0.reason.rawValue) < ($0.count, $1.reason.rawValue) }
    }
}
