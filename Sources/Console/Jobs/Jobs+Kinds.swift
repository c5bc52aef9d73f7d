// The jobs that the API and the pages both start. Each is an entry of the ledger before it begins.
import Admission
import Audit
import HTTPTypes
import JSON
import Ledger
import Management
import Reachability
import RuleBook

extension Jobs {
    /// Hashes every entry, and compares with everything that was signed.
    func verify(
        _ ledger: LedgerService, by attribution: Attribution, authority: any GateAuthority, now: Instant
    ) throws(Problem) -> Job {
        try start(.verify, "Verification of the ledger", by: attribution, now: now) { teller in
            _ = try await authority.recordAccess(["command": "ledger verify"], by: attribution)
            let found = try await ledger.verify(
                progress: { teller.progress($0, of: $1) }, warn: { teller.line($0, "warn") })
            for fault in found.result.faults.prefix(100) { teller.line(fault.message, "fail") }
            for range in found.result.removed {
                teller.line(
                    "entries \(range.lowerBound) to \(range.upperBound) were removed by retention, as recorded"
                )
            }
            let anchor =
                found.result.witnessed == nil
                ? "; there was no checkpoint from elsewhere to tell whether the whole ledger was replaced"
                : "; \(Counted.entries(found.unwitnessed)) not yet witnessed"
            return Job.Result(
                isGood: found.result.isGood,
                summary: found.result.isGood
                    ? "Verified: \(Counted.entries(found.result.size))\(anchor)."
                    : "NOT VERIFIED: \(Counted.findings(found.result.faultCount)).", json: found.json)
        }
    }

    func report(
        _ reports: ReportService, since: Instant, until: Instant, by attribution: Attribution, now: Instant
    ) throws(Problem) -> Job {
        guard since < until else {
            throw Problem(.unprocessableContent, "unprocessable", "since is not before until")
        }
        let title = "Report from \(since.description.prefix(16))Z to \(until.description.prefix(16))Z"
        return try start(.report, title, by: attribution, now: now) { teller in
            let (report, _) = try await reports.report(
                of: ReportPeriod(since: since, until: until), now: now, format: "html", by: attribution,
                progress: { teller.progress($0, of: $1) }, warn: { teller.line($0, "warn") })
            return Job.Result(
                isGood: true,
                summary:
                    "\(Counted.attempts(report.attempts)): \(report.accepted) accepted, \(report.rejected) rejected, "
                    + "\(report.observed) observed; \(Counted.findings(report.findings.count)).",
                json: report.json(), page: ReportPage(report).html)
        }
    }

    // MARK: Calling out

    /// - Parameters:
    ///   - kind: `webhook` or `sftp`.
    ///   - target: a URL, or a host and port.
    func probe(
        _ kind: String, _ target: String, by attribution: Attribution, authority: any GateAuthority,
        now: Instant
    ) throws(Problem) -> Job {
        let probe: ProbeService.Probe
        do throws(TargetError) {
            switch kind {
            case "webhook": probe = .webhook(ProbeService.webhook(try ProbeURL(target), .event(.v2)))
            case "sftp":
                probe = .sftp(ProbeService.sftp(try SFTPTarget(target), credential: nil, pins: nil))
            default: throw TargetError("it is neither webhook nor sftp")
            }
        } catch { throw Problem(.unprocessableContent, "unprocessable", error.description) }
        let shown = UntrustedText.head(target, limit: 200)
        return try start(.probe, "Probe of \(shown)", by: attribution, now: now) { teller in
            _ = try await authority.recordAccess(
                ["command": .string("probe \(kind)"), "target": .string(shown)], by: attribution)
            return try await Self.run(probe, teller)
        }
    }

    private static func run(_ probe: ProbeService.Probe, _ teller: Teller) async throws -> Job.Result {
        var found: ProbeReport?
        _ = try await ProbeService().run(
            probe, ProbeOptions(),
            notify: { event in
                guard case .ended(let step) = event else { return }
                let facts = step.facts.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
                teller.line("\(step.name) \(step.duration.secondsText) s  \(facts)", step.outcome.rawValue)
            },
            take: { report in
                found = report
                return true
            })
        guard let report = found else { throw CancellationError() }
        for finding in report.findings {
            teller.line(
                "\(finding.means); \(finding.next)", finding.severity == .critical ? "fail" : "warn")
        }
        return Job.Result(
            isGood: report.verdict != .critical, summary: report.diagnosis?.means ?? report.summary,
            json: report.json)
    }

    func checkRules(
        _ rules: RuleService, by attribution: Attribution, authority: any GateAuthority, now: Instant
    ) throws(Problem) -> Job {
        let title = "Trying VSee's network rules from here"
        return try start(.rules, title, by: attribution, now: now) { teller in
            _ = try await authority.recordAccess(["command": "rules check"], by: attribution)
            let results = try await rules.check { teller.progress(Int64($0), of: Int64($1)) }
            for result in results { teller.line("\(result.id)  \(result.detail)", state(of: result)) }
            let verdict = CheckVerdict(results)
            return Job.Result(
                isGood: verdict.isGood, summary: verdict.lines.joined(separator: "; ") + ".",
                json: ["items": .array(results.map(\.json))])
        }
    }
}

private func state(of result: CheckResult) -> String? {
    switch result.outcome {
    case .ok: "ok"
    case .blocked, .unresolved: result.isOptional ? "warn" : "fail"
    case .noProof, .skipped: nil
    }
}
