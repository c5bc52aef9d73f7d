// A period of the ledger for the security team.
package import Admission
package import Audit
import JSON
import Ledger
package import Settings

package struct ReportService: Sendable {
    private let settings: GateSettings

    package init(_ settings: GateSettings) { self.settings = settings }

    /// Recorded as an access before it is made.
    /// - Parameters:
    ///   - format: in which it leaves the gate, for that entry.
    ///   - principal: who gets it, for that entry.
    ///   - progress: how many entries are behind, of how many.
    /// Throws `ManagementError`, `LedgerError` or `SettingsErrors`.
    package func report(
        since start: Instant, until end: Instant, now: Instant, format: String, by principal: Principal,
        progress: @escaping @Sendable (Int64, Int64) -> Void, warn: @escaping @Sendable (String) -> Void
    ) async throws -> Report {
        try await Authority.recordExport(
            "report",
            detail: [
                "since": .string(start.description), "until": .string(end.description),
                "format": .string(format),
            ], by: principal, settings: settings, warn: warn)
        let (policy, notes) = try lists(until: end, now: now)
        let reader = try settings.ledgerHandle.reader()
        let first = try reader.firstSeq(notBefore: start)
        let range = first..<max(first, try reader.firstSeq(notBefore: end))
        let tally = try reader.tally(range, progress: progress)
        let seen = try reader.seen(Set(tally.groups.keys.compactMap(\.source)), before: first)
        var report = ReportBuilder(
            tally, policy: policy, seenBefore: seen, now: now,
            timeBefore: { seq in (try? reader.entry(seq: seq - 1))?.time }
        ).report(
            node: settings.node, since: start, until: end,
            seqs: range.isEmpty ? nil : range.lowerBound...range.upperBound - 1)
        report.policyNotes = notes
        return report
    }

    /// The lists in force at the end of the period. Where they are not known, those of now, and a note that says so.
    private func lists(until end: Instant, now: Instant) throws -> (policy: Policy, notes: [String]) {
        let service = SourceService(settings)
        let then = try service.lists(at: end, now: now)
        if case .success(let policy) = then.policy { return (policy, Self.notes(then)) }
        let current = try service.lists(now: now)
        guard case .failure(let unknown) = then.policy else {
            return (try current.policy.get(), Self.notes(current))
        }
        let note =
            "which lists were in force at the end of the period is not known (\(unknown)): the entries are those of now"
        return (try current.policy.get(), [note] + Self.notes(current))
    }

    private static func notes(_ lists: SourceLists) -> [String] {
        let problem =
            "the files of the lists have mistakes, and are not in force: \(lists.problems.joined(separator: "; "))"
        return lists.notes + (lists.problems.isEmpty ? [] : [problem])
    }
}
