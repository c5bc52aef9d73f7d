// A report of more sources than are told apart says so, and is of bounded size.
import Admission
import Audit
import JSON
import Ledger
import Support
import Testing

@Suite struct ReportBoundTests {
    private let directory: TemporaryDirectory
    private let day = Instant(microseconds: 1_795_392_000_000_000)  // 2026-11-23

    init() throws { directory = try TemporaryDirectory("report") }

    private func attempt(_ ip: String, _ verdict: Verdict = .rejected) throws -> Attempt {
        var attempt = Attempt(
            kind: .connection, channel: .webhook, verdict: verdict,
            reason: verdict == .rejected ? .notListed : .listed)
        attempt.source = Endpoint(ip: try IPAddress(ip), port: 1)
        if verdict != .rejected { attempt.entries = ["test/vsee"] }
        return attempt
    }

    private func report(
        before: [Attempt] = [], _ attempts: [Attempt],
        bounds: LedgerTally.Bounds = LedgerTally.Bounds()
    ) throws -> Report {
        let ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
        let store = try ledger.open(node: "t")
        for (attempts, time) in [(before, day - .seconds(40 * 86_400)), (attempts, day)] {
            _ = try store.commit(attempts.map { LedgerOperation.append($0, drop: nil) }, now: time)
        }
        let policy = try Policy(entries: [
            SourceEntry(
                list: "test", service: "vsee", cidr: try CIDRBlock("20.21.208.105"),
                channels: [.webhook, .sftp])
        ])
        let (reader, end) = (try ledger.reader(), day + .seconds(86_400))
        let period = ReportPeriod(since: day, until: end)
        let range = try reader.seqs(of: period.ledger)
        let tally = try reader.tally(
            range, of: period.ledger, step: period.step, bounds: bounds, progress: { _, _ in })
        let ground = try ReportGround(reader, tally, from: range.lowerBound)
        return ReportBuilder(tally, policy: policy, ground: ground, now: end).report(
            node: "t", period: period)
    }

    private func text(_ report: Report) -> String {
        ReportText(report).lines { text, _ in text }.joined(separator: "\n")
    }

    private func advice(_ code: String, _ report: Report) -> String? {
        report.findings.first { $0.code == code }?.advice
    }

    @Test func sourcesThatAreNotToldApartAreSaidEverywhere() throws {
        var attempts = try (1...4).map { try attempt("2001:db8::\($0)") }
        // Beside the listed one.
        attempts += try (1...6).map { try attempt("20.21.208.\($0)") }
        attempts += try ["192.0.2.1", "192.0.2.2"].map { try attempt($0) }
        attempts.append(try attempt("20.21.208.105", .accepted))
        let report = try report(
            attempts,
            bounds: LedgerTally.Bounds(sources: 4, networks: 1))
        #expect(report.attempts == 13 && report.rejected == 12 && report.untold == 8)
        #expect(report.sources.map(\.total).reduce(0, +) == 13 && report.sources.count == 7)

        let text = text(report)
        #expect(text.contains("from 7 sources or more"))
        #expect(text.contains("others in 20.21.208.0/24"))
        #expect(text.contains("More rejected sources than are listed singly"))
        #expect(advice("sources_not_told_apart", report)?.hasPrefix("8 attempts of other sources") == true)
        let near = report.findings.first { $0.code == "near_miss" }
        #expect(near?.items == ["others in 20.21.208.0/24: 6 rejected, near test/vsee"])

        let page = ReportPage(report).html
        #expect(page.contains("<b>7</b> sources or more"))
        #expect(page.contains("others in <span class=\"ip\">20.21.208.0/24</span>"))

        let json = report.json()
        #expect(json["source_count"]?.int == 7 && json["source_count_or_more"]?.bool == true)
        let network = json["sources"]?.array?.first { $0["network"] != nil }
        #expect(network?["network"]?.string == "20.21.208.0/24" && network?["rejected"]?.int == 6)
        #expect(network?["ip"] == nil && network?["new"] == nil)
    }

    @Test func aReportThatTellsAllSourcesApartSaysNothingOfMore() throws {
        let report = try report([attempt("192.0.2.1"), attempt("192.0.2.2")])
        #expect(report.untold == 0 && report.json()["source_count_or_more"] == nil)
        #expect(advice("sources_not_told_apart", report) == nil)
        #expect(!text(report).contains("or more") && !ReportPage(report).html.contains("or more"))
    }

    private func access(_ reason: Reason, times: Int = 1) -> [Attempt] {
        var attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: reason)
        attempt.detail["command"] = "attempts"
        return Array(repeating: attempt, count: times)
    }

    @Test func anExportIsToldHoweverManyAcknowledgementsCameBeforeIt() throws {
        let report = try report(access(.read, times: LedgerTally.notableLimit + 1) + access(.exported))
        #expect(report.exports.map(\.what) == ["attempts"])
        #expect(!text(report).contains("Nobody did in the period."))
        #expect(advice("entries_left_out", report) == nil && report.json()["left_out"] == nil)
    }

    @Test func exportsThatAReportDoesNotTellOfAreSaidEverywhere() throws {
        let report = try report(access(.exported, times: LedgerTally.notableLimit + 1))
        #expect(report.exports.count == LedgerTally.notableLimit)
        let finding = report.findings.first { $0.code == "entries_left_out" }
        #expect(finding?.severity == .warning && finding?.items == ["access: 1 entry left out"])
        let title = "More changes, starts and stops, or exports than the report shows"
        #expect(text(report).contains(title) && ReportPage(report).html.contains(title))
        #expect(report.json()["left_out"] == ["access": 1])
    }

    @Test func whoCameBeforeIsAskedOfThoseThatAreShownAndOfAllThatWereLetIn() throws {
        let strangers = try (0..<1100).map { try attempt("10.0.\($0 / 100).\($0 % 100)") }
        let report = try report(
            before: [attempt("10.0.0.0"), attempt("203.0.113.8", .accepted)],
            strangers + [attempt("203.0.113.8", .accepted), attempt("203.0.113.9", .accepted)])
        #expect(report.sources.count == 1102 && report.newAreMore)
        // Of the first thousand one came before; behind them is who was let in.
        let new = report.sources.filter(\.isNew)
        #expect(new.count == 1000)
        #expect(new.filter { $0.accepted > 0 }.map { $0.ip?.description } == ["203.0.113.9"])
        #expect(advice("new_sources", report)?.hasPrefix("1000 or more in all, 1 of them accepted") == true)
        #expect(report.json()["sources"]?.array?.count == 1000)
        #expect(text(report).contains("… and 1052 more; --format json has the first 1000"))
    }
}
