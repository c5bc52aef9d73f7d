// A period of the ledger for the security team.
package import Admission
package import Audit
import JSON
import Ledger
package import Settings

package struct ReportService: Sendable {
    private let settings: GateSettings

    package init(_ settings: GateSettings) { self.settings = settings }

    /// Recorded as an access before it is made. Who cannot pass it on says so to the export.
    /// - Parameters:
    ///   - format: in which it leaves the gate, for that entry.
    ///   - principal: who gets it, for that entry.
    ///   - progress: how many entries are behind, of how many.
    /// Throws `ManagementError`, `LedgerError` or `SettingsErrors`.
    package func report(
        since start: Instant, until end: Instant, now: Instant, format: String, by principal: Principal,
        progress: @escaping @Sendable (Int64, Int64) -> Void, warn: @escaping @Sendable (String) -> Void
    ) async throws -> (report: Report, export: RecordedExport) {
        let export = try await Authority.recordExport(
            "report",
            detail: [
                "since": .string(start.description), "until": .string(end.description),
                "format": .string(format),
            ], by: principal, settings: settings, warn: warn)
        do {
            return (try report(since: start, until: end, now: now, progress), export)
        } catch {
            await export.endedInPart(error, reach: ExportReach())
            throw error
        }
    }

    private func report(
        since start: Instant, until end: Instant, now: Instant, _ progress: (Int64, Int64) -> Void
    ) throws -> Report {
        let policy = try PolicyLoader.load(files: settings.sources)
        let reader = try settings.ledgerHandle.reader()
        let first = try reader.firstSeq(notBefore: start)
        let range = first..<max(first, try reader.firstSeq(notBefore: end))
        let tally = try reader.tally(range, progress: progress)
        let seen = try reader.seen(Set(tally.groups.keys.compactMap(\.source)), before: first)
        return ReportBuilder(
            tally, policy: policy, seenBefore: seen, now: now,
            timeBefore: { seq in (try? reader.entry(seq: seq - 1))?.time }
        ).report(
            node: settings.node, since: start, until: end,
            seqs: range.isEmpty ? nil : range.lowerBound...range.upperBound - 1)
    }
}
