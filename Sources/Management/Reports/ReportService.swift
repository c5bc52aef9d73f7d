// A period of the ledger for the security team.
package import Admission
package import Audit
import JSON
import Ledger
package import Settings

package struct ReportService: Sendable {
    private let settings: GateSettings
    private let authority: (any GateAuthority)?

    /// - Parameter authority: of this process, which is the gate; nil: it is looked for.
    package init(_ settings: GateSettings, authority: (any GateAuthority)? = nil) {
        self.settings = settings
        self.authority = authority
    }

    /// Recorded as an access before it is made. Who cannot pass it on says so to the export.
    /// - Parameters:
    ///   - period: of which a report is wanted.
    ///   - format: in which it leaves the gate, for that entry.
    ///   - attribution: who gets it and why, for that entry.
    ///   - progress: how many entries are behind, of how many.
    /// Throws `ManagementError`, `LedgerError` or `SettingsErrors`.
    package func report(
        of period: ReportPeriod, now: Instant, format: String, by attribution: Attribution,
        progress: @escaping @Sendable (Int64, Int64) -> Void, warn: @escaping @Sendable (String) -> Void
    ) async throws -> (report: Report, export: RecordedExport) {
        let export = try await Authority.recordExport(
            "report",
            detail: [
                "since": .string(period.since.description),
                "until": .string(period.until.description),
                "format": .string(format),
            ], by: attribution, settings: settings, own: authority, warn: warn)
        do {
            return (try report(of: period, now: now, progress), export)
        } catch {
            await export.endedInPart(error, reach: ExportReach())
            throw error
        }
    }

    private func report(
        of period: ReportPeriod, now: Instant, _ progress: (Int64, Int64) -> Void
    ) throws -> Report {
        let (policy, notes) = try lists(until: period.until, now: now)
        let reader = try settings.ledgerHandle.reader()
        let range = try reader.seqs(of: period.ledger)
        let tally = try reader.tally(range, of: period.ledger, step: period.step, progress: progress)
        let ground = try ReportGround(reader, tally, from: range.lowerBound)
        var report = ReportBuilder(tally, policy: policy, ground: ground, now: now)
            .report(node: settings.node, period: period)
        report.policyNotes = notes
        return report
    }

    /// The lists in force at the end of the period. Where they are not known, those of now, and a note that says so.
    private func lists(until end: Instant, now: Instant) throws -> (policy: Policy, notes: [String]) {
        let service = SourceService(settings)
        let then = try service.lists(at: end, now: now)
        switch then.policy {
        case .success(let policy): return (policy, Self.notes(then))
        case .failure(let unknown):
            let current = try service.lists(now: now)
            let note =
                "it is not known which lists were in force at the end of the period (\(unknown)): the entries are today's"
            return (try current.policy.get(), [note] + Self.notes(current))
        }
    }

    private static func notes(_ lists: SourceLists) -> [String] {
        let problem =
            "the files of the lists have mistakes, and are not in force: \(lists.problems.joined(separator: "; "))"
        return lists.notes + (lists.problems.isEmpty ? [] : [problem])
    }
}
