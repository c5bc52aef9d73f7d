// What in a report somebody should look at, with what it means and what to do. Pure.
import Admission
import Ledger

struct ReportFindings {
    private let report: Report
    private let tally: LedgerTally

    init(_ report: Report, _ tally: LedgerTally) {
        self.report = report
        self.tally = tally
    }

    /// Most severe first.
    var all: [Report.Finding] {
        let found = [
            natSuspicion, shaped, coverage, leftOut, clock, silences, nearMisses, notRunning, gaps, shutOut,
            refusedExpired,
            observedOnly, removedEntries, overdue, badReloads, soon, expired, quiet, untold, newSources,
        ].compactMap { $0 }
        return Report.Finding.Severity.allCases.flatMap { severity in found.filter { $0.severity == severity }
        }
    }

    /// More than half of at least 20 attempts from one private address.
    private var natSuspicion: Report.Finding? {
        var bySource: [IPAddress: Int64] = [:]
        for source in report.sources {
            if let ip = source.ip, ip.isPrivate { bySource[ip, default: 0] += source.total }
        }
        guard let most = bySource.max(by: { $0.value < $1.value }), most.value >= 20,
            most.value * 2 > report.attempts
        else { return nil }
        return Report.Finding(
            severity: .alarm, code: "nat_hides_sources",
            title: "A NAT hides the sources: the audit is void",
            advice:
                "\(most.value) of \(Counted.attempts(report.attempts)) came from the private address \(most.key), which "
                + "nobody on the internet has. Something in front rewrites addresses. Let it pass the address on "
                + "(PROXY protocol, X-Forwarded-For) and set `address:` and `trusted_proxies:` of the listener, or "
                + "turn source translation off.",
            items: [most.key.description])
    }

    private var shaped: Report.Finding? {
        guard !tally.shaped.isEmpty else { return nil }
        return Report.Finding(
            severity: .alarm, code: "vsee_from_elsewhere",
            title: "Calls in VSee's format from addresses that are not listed",
            advice:
                "VSee may have changed its addresses, or somebody is imitating it. Ask VSee before you list an address.",
            items: tally.shaped.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { "\(Self.text($0.key)): \(Counted.attempts($0.value))" })
    }

    /// What the report cannot know.
    private var coverage: Report.Finding? {
        guard let beginning = report.beginning, beginning.time > report.period.since else { return nil }
        if let removed = beginning.removedUpTo {
            return Report.Finding(
                severity: .warning, code: "period_not_covered",
                title: "The period begins before what is left of the ledger",
                advice:
                    "Retention has removed entries up to \(removed). The report counts from entry \(beginning.seq) on, of "
                    + "\(beginning.time).")
        }
        return Report.Finding(
            severity: .note, code: "period_not_covered", title: "The ledger begins within the period",
            advice:
                "Its first entry, \(beginning.seq), is of \(beginning.time). Nothing is known of the time before."
        )
    }

    private var leftOut: Report.Finding? {
        guard !report.leftOut.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "entries_left_out",
            title: "More changes, starts and stops, or exports than the report shows",
            advice:
                "Of each kind it shows the first \(LedgerTally.notableLimit) entries in the period. Reports of shorter periods "
                + "have the others; `dropgate attempts --kind` shows the entries themselves (exports are of kind access).",
            items: EntryKind.allCases.compactMap { kind in
                report.leftOut[kind].map { "\(kind.rawValue): \(Counted.entries($0)) left out" }
            })
    }

    private var clock: Report.Finding? {
        guard !report.clockChanges.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "clock_changed", title: "The machine's clock was set",
            advice:
                "Times around these entries may be wrong. Their order is right: it is that of their numbers. What the clock "
                + "said while it was behind is in each entry (`clock`), and is used here.",
            items: report.clockChanges)
    }

    private var silences: Report.Finding? {
        guard !report.silences.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "expected_contact_overdue", title: "Sources that fell silent",
            advice:
                "They were expected to call and did not. Ask VSee whether it sends; `dropgate probe` tests the path.",
            items: report.silences)
    }

    private var nearMisses: Report.Finding? {
        let near = report.sources.filter { $0.near != nil }
        guard !near.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "near_miss", title: "Rejected addresses next to a listed one",
            advice:
                "They lie in the same /24 or /64 as an entry. VSee may have added an address: read its document.",
            items: near.map { "\(Self.text($0.caller)): \($0.rejected) rejected, near \($0.near ?? "")" })
    }

    private var notRunning: Report.Finding? {
        guard let stopped = report.stoppedBefore else { return nil }
        let start = report.services.first(where: \.isStart)?.time
        return Report.Finding(
            severity: start == nil ? .warning : .note, code: "stopped_before",
            title: start == nil
                ? "The gate did not run in the period" : "The gate did not run when the period began",
            advice: "It was stopped at \(stopped)"
                + (start.map { ", and started again at \($0)." } ?? ".")
                + " Calls in the meantime found no gate.")
    }

    private var shutOut: Report.Finding? {
        let changes = report.changes.filter { !$0.refuses.isEmpty }
        guard !changes.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "recent_callers_refused",
            title: "Changes of the lists that refuse recent callers",
            advice:
                "If one of them is wanted, list it again: `dropgate source explain` says why it is refused.",
            items: changes.flatMap { change in change.refuses.map { "\(change.time): \($0)" } })
    }

    private var gaps: Report.Finding? {
        let gaps = report.services.filter { $0.gap != nil }
        guard !gaps.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "ended_without_stop", title: "The gate ended without a stop",
            advice: "It was killed, crashed, or the machine went down. Calls in the meantime found no gate.",
            items: gaps.map { "started again \($0.time), \($0.gap ?? 0) s after the gate's last entry" })
    }

    private var removedEntries: Report.Finding? {
        guard !report.removedEntries.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "accepted_by_removed_entry",
            title: "Accepted by entries that are not listed any more",
            advice: "Check that what they let in was meant to come in.",
            items: report.removedEntries.map {
                "\($0.id): \(Counted.attempts($0.attempts)), the last \($0.last)"
            })
    }

    private var refusedExpired: Report.Finding? {
        guard !report.expiries.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "refused_expired", title: "Refused because their entry had expired",
            advice:
                "They were let in before. Read VSee's document again: set a new `expires` if they are still VSee's, or remove "
                + "the entry.",
            items: report.expiries.map {
                "\($0.entry): \(Self.text($0.source)) on \($0.channel?.rawValue ?? "-"), \(Counted.attempts($0.attempts)), "
                    + "the last \(Report.short($0.last))"
            })
    }

    private var observedOnly: Report.Finding? {
        let entries = report.entries.filter { $0.observed > 0 }
        guard report.observed > 0 else { return nil }
        return Report.Finding(
            severity: .warning, code: "observed_only", title: "Let in by entries in mode observe alone",
            advice:
                "Without them \(Counted.attempts(report.observed)) would have been rejected. Decide: set `mode: enforce` once "
                + "the addresses are confirmed, or remove the entry.",
            items: entries.map { "\($0.id) \($0.cidr): \(Counted.attempts($0.observed))" })
    }

    private var overdue: Report.Finding? {
        let entries = report.entries.filter { $0.state == "review overdue" }
        guard !entries.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "entry_overdue", title: "Entries that are past their review",
            advice: "Read VSee's document again, then set a new `review_by`, or remove the entry.",
            items: entries.map { "\($0.id) \($0.cidr): \($0.state)" })
    }

    private var expired: Report.Finding? {
        let entries = report.entries.filter { $0.state == "expired" }
        guard !entries.isEmpty else { return nil }
        return Report.Finding(
            severity: .note, code: "entry_expired", title: "Entries that have expired",
            advice: "They let nobody in. Remove them, or set a new `expires`.",
            items: entries.map { "\($0.id) \($0.cidr)" })
    }

    private var soon: Report.Finding? {
        let entries = report.entries.filter { $0.state.hasSuffix("soon") }
        guard !entries.isEmpty else { return nil }
        return Report.Finding(
            severity: .note, code: "entry_due",
            title: "Entries that expire or are due for review within 30 days",
            advice: "Plan to read VSee's document again.",
            items: entries.map { "\($0.id) \($0.cidr): \($0.state)" })
    }

    private var badReloads: Report.Finding? {
        let bad = report.changes.filter { $0.outcome == .refused }
        guard !bad.isEmpty else { return nil }
        return Report.Finding(
            severity: .warning, code: "bad_reload", title: "Lists and accounts that could not be applied",
            advice: "What was in force before stayed in force.",
            items: bad.map { "\($0.time): \($0.lines.first ?? "")" })
    }

    private var quiet: Report.Finding? {
        // One that has expired lets nobody in.
        let quiet = report.entries.filter { $0.attempts == 0 && $0.rejected == 0 && $0.state != "expired" }
        guard !quiet.isEmpty else { return nil }
        return Report.Finding(
            severity: .note, code: "entry_without_traffic", title: "Entries without traffic in the period",
            advice: "Nobody used them in the period. An entry that nobody needs is an open door.",
            items: quiet.map { "\($0.id) \($0.cidr)" })
    }

    private var untold: Report.Finding? {
        guard report.untold > 0 else { return nil }
        return Report.Finding(
            severity: .note, code: "sources_not_told_apart",
            title: "More rejected sources than are listed singly",
            advice:
                "\(Counted.attempts(report.untold)) of other sources that are not listed are counted by network (/24, "
                + "or /64 of IPv6) and, where there were too many networks as well, together. The sums are exact. "
                + "Whoever is listed or was let in has a line of its own. `dropgate attempts --source` shows the entries "
                + "of a network.")
    }

    private var newSources: Report.Finding? {
        let new = report.sources.filter(\.isNew)
        guard !new.isEmpty else { return nil }
        let accepted = new.filter { $0.accepted > 0 }
        let count = "\(new.count)\(report.newAreMore ? " or more" : "")"
        return Report.Finding(
            severity: .note, code: "new_sources", title: "Sources that no earlier entry names",
            advice:
                "\(count) in all, \(accepted.count) of them accepted. The accepted ones are named here.\(reach)",
            items: accepted.map {
                "\(Self.text($0.caller)) on \($0.channel?.rawValue ?? "-"): \($0.accepted) accepted"
            })
    }

    private var reach: String {
        report.beginning.map { " The ledger reaches back to \(Report.short($0.time))." } ?? ""
    }

    private static func text(_ ip: IPAddress?) -> String { ip?.description ?? "unknown" }
    private static func text(_ caller: LedgerTally.Caller) -> String { caller.name ?? "unknown" }
}
