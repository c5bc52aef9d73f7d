// A report says what is in the ledger, finds what should be looked at, and escapes what comes from outside.
import Admission
import Audit
import Foundation
import JSON
import Ledger
import Support
import Testing

@Suite struct ReportTests {
    private let directory: TemporaryDirectory
    private let day = Instant(microseconds: 1_795_392_000_000_000)  // 2026-11-23

    init() throws { directory = try TemporaryDirectory("report") }

    private func policy(_ change: (inout SourceEntry) -> Void = { _ in }) throws -> Policy {
        var entry = SourceEntry(
            list: "test", service: "vsee", cidr: try CIDRBlock("20.21.208.105"), channels: [.webhook, .sftp])
        change(&entry)
        return try Policy(entries: [entry])
    }

    private func attempt(
        _ ip: String?, _ verdict: Verdict, _ reason: Reason, kind: EntryKind = .connection,
        change: (inout Attempt) -> Void = { _ in }
    ) throws -> Attempt {
        var attempt = Attempt(
            kind: kind, channel: kind == .service ? nil : .webhook, verdict: verdict, reason: reason)
        attempt.source = try ip.map { Endpoint(ip: try IPAddress($0), port: 1) }
        if verdict != .rejected { attempt.entries = ["test/vsee"] }
        change(&attempt)
        return attempt
    }

    /// Attempts a minute apart, from `start` on; the report is of everything after `since`.
    private func report(
        before: [Attempt] = [], _ attempts: [Attempt], policy: Policy? = nil, now: Instant? = nil,
        period: ReportPeriod? = nil
    ) throws -> Report {
        let path = directory.file("ledger.sqlite")
        let store = try LedgerHandle(file: path).open(node: "t")
        for (index, attempt) in before.enumerated() {
            _ = try store.commit(
                [.append(attempt, drop: nil)], now: day - .seconds(86400) + .seconds(Int64(index) * 60))
        }
        for (index, attempt) in attempts.enumerated() {
            _ = try store.commit([.append(attempt, drop: nil)], now: day + .seconds(Int64(index) * 60))
        }
        let reader = try LedgerHandle(file: path).reader()
        return try Self.report(
            reader, policy ?? self.policy(), now: now ?? day + .seconds(86400),
            period ?? ReportPeriod(since: day, until: day + .seconds(86400)))
    }

    static func report(
        _ reader: any LedgerReading, _ policy: Policy, now: Instant, _ period: ReportPeriod
    ) throws -> Report {
        let range = try reader.seqs(of: period.ledger)
        let tally = try reader.tally(range, of: period.ledger, step: period.step, progress: { _, _ in })
        let ground = try ReportGround(reader, tally, from: range.lowerBound)
        return ReportBuilder(tally, policy: policy, ground: ground, now: now).report(
            node: "t", period: period)
    }

    private func codes(_ report: Report) -> [String] { report.findings.map(\.code) }

    @Test func countedAttemptsAreCountedAndNotTheirEntries() throws {
        let flood = try attempt("192.0.2.1", .rejected, .notListed) { $0.count = 41 }
        let report = try report([flood, try attempt("192.0.2.1", .rejected, .timeout)])
        #expect(report.attempts == 42 && report.rejected == 42 && report.days.map(\.rejected) == [42])
        #expect(report.sources.count == 1 && report.sources[0].reasons.map(\.count) == [41, 1])
        #expect(report.days[0].day == "2026-11-23")
    }

    @Test func aSourceIsNewWhenNoEarlierEntryNamesIt() throws {
        let report = try report(
            before: [attempt("192.0.2.1", .rejected, .notListed)],
            [attempt("192.0.2.1", .rejected, .notListed), attempt("2001:db8::1", .rejected, .notListed)])
        #expect(report.sources.filter(\.isNew).map { $0.ip?.description } == ["2001:db8::1"])
        #expect(codes(report).contains("new_sources"))
    }

    @Test(arguments: [
        ("20.21.208.9", true), ("20.21.209.105", false), ("2001:db8::1", false),
    ])
    func aRejectedNeighbourOfAnEntryIsANearMiss(ip: String, isNear: Bool) throws {
        #expect(codes(try report([attempt(ip, .rejected, .notListed)])).contains("near_miss") == isNear)
    }

    @Test func whoWasLetInByObservingIsNoNearMiss() throws {
        #expect(!codes(try report([attempt("20.21.208.9", .observed, .notListed)])).contains("near_miss"))
    }

    @Test(arguments: [(20, "10.0.0.1", true), (19, "10.0.0.1", false), (20, "192.0.2.1", false)])
    func manyAttemptsOfOnePrivateAddressMakeTheAuditVoid(count: Int, ip: String, isVoid: Bool) throws {
        let report = try report((0..<count).map { _ in try attempt(ip, .accepted, .listed) })
        #expect(codes(report).contains("nat_hides_sources") == isVoid)
        #expect(!isVoid || report.findings.first?.code == "nat_hides_sources", "the worst comes first")
    }

    @Test func entriesWithoutTrafficAndOverdueOnesAreNamed() throws {
        let overdue = try policy { $0.reviewBy = day - .seconds(1) }
        #expect(codes(try report([], policy: overdue)) == ["entry_overdue", "entry_without_traffic"])
    }

    @Test func anExpiredEntryIsNoOpenDoor() throws {
        let expired = try policy { $0.expires = day - .seconds(1) }
        let report = try report([], policy: expired)
        #expect(codes(report) == ["entry_expired"])
        #expect(ReportText(report).lines { text, _ in text }.contains { $0.contains("not in the period") })
    }

    @Test func refusedBecauseExpiredAndLetInByObservingAloneAreFindings() throws {
        let expired = try attempt("20.21.208.105", .rejected, .entryExpired) { $0.entries = ["test/vsee"] }
        let observed = try attempt("20.21.208.105", .observed, .notListed)
        let report = try report([expired, expired, observed])
        let finding = { code in report.findings.first { $0.code == code } }
        #expect(
            finding("refused_expired")?.items == [
                "test/vsee: 20.21.208.105 on webhook, 2 attempts, the last 2026-11-23 00:01Z"
            ])
        #expect(finding("observed_only")?.items == ["test/vsee 20.21.208.105/32: 1 attempt"])
        #expect(finding("entry_without_traffic") == nil)
    }

    @Test func anEntryThatComesDueIsNamed() throws {
        let due = try policy { $0.expires = day + .seconds(10 * 86400) }
        let report = try report([attempt("20.21.208.105", .accepted, .listed)], policy: due)
        #expect(codes(report).contains("entry_due"))
    }

    @Test func whatARemovedEntryLetInIsNamed() throws {
        let report = try report([
            attempt("198.51.100.1", .accepted, .listed) { $0.entries = ["old/service"] }
        ])
        #expect(report.removedEntries.map(\.id) == ["old/service"])
        #expect(codes(report).contains("accepted_by_removed_entry"))
    }

    @Test func aStartWithoutAStopBeforeItIsAGap() throws {
        let start = try attempt(nil, .accepted, .started, kind: .service)
        let stop = try attempt(nil, .accepted, .stopped, kind: .service)
        #expect(try report([start, stop, start]).services.allSatisfy { $0.gap == nil })
        let crashed = try ReportTests().report([start, attempt("192.0.2.1", .rejected, .notListed), start])
        #expect(crashed.services.map(\.gap) == [nil, 60])
        #expect(codes(crashed).contains("ended_without_stop"))
    }

    /// What a command writes is no sign of a running gate.
    private func asked(_ detail: [String: JSONValue] = [:]) throws -> Attempt {
        try attempt(nil, .accepted, .changed, kind: .policy) {
            $0.channel = nil
            $0.detail = ["uid": 1001, "user": "alice", "command": "source add", "diff": ["+ a b"]]
            $0.detail.merge(detail) { $1 }
        }
    }

    /// By which other lists are in force.
    private func change(
        _ kind: EntryKind, _ reason: Reason, from: JSONValue? = "sha256:a", _ detail: [String: JSONValue]
    ) throws -> Attempt {
        try attempt(nil, .accepted, reason, kind: kind) {
            $0.channel = nil
            $0.policy = "sha256:b"
            $0.detail = detail
            $0.detail["from"] = from
        }
    }

    @Test func aGapBeginsWithTheGatesOwnLastEntry() throws {
        let start = try attempt(nil, .accepted, .started, kind: .service)
        let call = try attempt("192.0.2.1", .rejected, .notListed)
        let report = try report([start, call, asked(), asked(), start])
        #expect(report.services.map(\.gap) == [nil, 180])
    }

    @Test func aGateThatEndedBeforeThePeriodHasAGapToo() throws {
        let start = try attempt(nil, .accepted, .started, kind: .service)
        let report = try report(before: [start], [asked(), start])
        #expect(report.services.map(\.gap) == [86400 + 60] && codes(report).contains("ended_without_stop"))
        #expect(report.stoppedBefore == nil)
    }

    @Test(arguments: [true, false])
    func whetherTheGateRanWhenThePeriodBeganIsTold(startsAgain: Bool) throws {
        let start = try attempt(nil, .accepted, .started, kind: .service)
        let stop = try attempt(nil, .accepted, .stopped, kind: .service)
        let report = try report(before: [start, stop], [asked()] + (startsAgain ? [start] : []))
        #expect(report.stoppedBefore == day - .seconds(86400 - 60))
        #expect(report.json()["stopped_before"]?.string == "2026-11-22T00:01:00.000000Z")
        let finding = try #require(report.findings.first { $0.code == "stopped_before" })
        #expect(
            finding.severity == (startsAgain ? .note : .warning)
                && !codes(report).contains("ended_without_stop"))
        let text = ReportText(report).lines { text, _ in text }.joined(separator: "\n")
        #expect(text.contains("2026-11-22 00:01Z  stopped, before the period"), "\(text)")
        let running = try ReportTests().report(before: [start], [stop])
        #expect(running.stoppedBefore == nil && running.json()["stopped_before"] == nil)
    }

    @Test func whatWasAskedForIsToldFromWhatIsInForce() throws {
        let lists = try change(.policy, .changed, ["diff": ["+ a b"]])
        let accounts = try attempt(nil, .rejected, .malformed, kind: .policy) {
            $0.detail["accounts"] = ["clinic: no key"]
        }
        let start = try change(.service, .started, ["diff": ["- a b"]])
        let report = try report([asked(["comment": "CHG-1"]), lists, accounts, start])
        #expect(report.changes.map(\.outcome) == [.asked, .inForce, .refused, .inForce])
        #expect(
            report.changes.map(\.lines.first) == [
                "source add by alice (CHG-1)", "+ a b", "clinic: no key", "- a b",
            ])
        let json = report.json()["policy_changes"]?.array
        #expect(json?.map { $0["outcome"]?.string } == ["asked", "in_force", "refused", "in_force"])
        let text = ReportText(report).lines { text, _ in text }.joined(separator: "\n")
        #expect(
            text.contains("Changes of lists and accounts") && text.contains("asked     source add by alice"))
    }

    /// A start whose former lists are gone knows that they were others, and not which.
    @Test func aStartWithOtherListsIsAChangeAlsoWhereTheFormerOnesAreGone() throws {
        let report = try report([
            change(.service, .started, [:]), change(.service, .started, from: nil, [:]),
            attempt(nil, .accepted, .started, kind: .service),
        ])
        #expect(report.changes.map(\.lines) == [["lists sha256:a -> sha256:b; what changed is not known"]])
        #expect(report.changes.map(\.outcome) == [.inForce] && report.services.count == 3)
    }

    @Test func whomAChangeRefusesIsNamed() throws {
        let refused = DecisionChange(
            source: try IPAddress("20.21.208.105"), channel: .webhook, isLetIn: false, reason: .notListed,
            last: day, entries: ["test/vsee"])
        let detail: [String: JSONValue] = [
            "diff": ["- a b"], "refuses": [refused.json], "refuses_count": 3, "refuses_gap": "too many",
        ]
        let report = try report([change(.policy, .changed, detail), change(.service, .started, detail)])
        for change in report.changes {
            #expect(
                change.refuses == [
                    refused.text, "2 other recent callers are refused from now on, too", "too many",
                ])
        }
        let finding = report.findings.first { $0.code == "recent_callers_refused" }
        #expect(finding?.items.first == "\(day): \(refused.text)" && finding?.items.count == 6)
        #expect(ReportPage(report).html.contains("it is refused from now on (not_listed)"))
    }

    @Test func callsInVSeesFormFromElsewhereAreAnAlarm() throws {
        let shaped = try attempt("192.0.2.1", .rejected, .notListed, kind: .request) {
            $0.detail["vsee_shaped"] = true
        }
        #expect(codes(try report([shaped])).contains("vsee_from_elsewhere"))
    }

    @Test func silenceIsAFindingAndACollectorsLookIsNoExportOfTheLedger() throws {
        let silent = try attempt(nil, .observed, .silent, kind: .service) {
            $0.detail["message"] = "a/b on webhook is silent"
        }
        let look = try attempt("192.0.2.1", .accepted, .read, kind: .access)
        let report = try report([silent, look])
        #expect(codes(report).contains("expected_contact_overdue"))
        #expect(report.services.map(\.what) == ["silent (a/b on webhook is silent)"])
        #expect(report.exports.isEmpty)
    }

    @Test func changesOfTheListsShowTheirLines() throws {
        let change = try change(.policy, .changed, ["diff": ["+ a b"]])
        let refused = try attempt(nil, .rejected, .malformed, kind: .policy) {
            $0.detail["problems"] = ["line 3"]
        }
        let report = try report([change, refused])
        #expect(report.changes.map(\.lines) == [["+ a b"], ["line 3"]])
        #expect(report.changes.map(\.outcome) == [.inForce, .refused])
        #expect(codes(report).contains("bad_reload"))
    }

    @Test func whatMisleadsIsEscapedOnThePageAndOnTheTerminal() throws {
        let signs = MisleadingTextTests.scalars.compactMap(Unicode.Scalar.init)
        let text = String(String.UnicodeScalarView(signs))
        let change = try attempt(nil, .rejected, .malformed, kind: .policy) {
            $0.detail["problems"] = .array([.string("a" + text + #"b \u{A}"#)])
        }
        let report = try report([change])
        let escaped =
            "a" + signs.map { "\\u{\(String($0.value, radix: 16, uppercase: true))}" }.joined() + #"b \u{A}"#
        let shown = [
            ReportPage(report).html, ReportText(report).lines { text, _ in text }.joined(separator: "\n"),
        ]
        for page in shown {
            #expect(page.contains(escaped), "\(page)")
            #expect(!page.unicodeScalars.contains { signs.contains($0) })
        }
    }

    @Test func whatComesFromOutsideIsEscapedOnThePageAndInTheText() throws {
        let evil = "<script>alert(1)</script>\"'&\u{1B}[31m"
        let login = try attempt("20.21.208.105", .accepted, .listed, kind: .login) { $0.account = evil }
        let report = try report([login])
        let page = ReportPage(report).html
        #expect(
            !page.contains("<script")
                && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"))
        #expect(
            !page.unicodeScalars.contains("\u{1B}") && !page.contains("http://") && !page.contains("src="))
        let text = ReportText(report).lines { text, _ in text }.joined(separator: "\n")
        #expect(!text.unicodeScalars.contains("\u{1B}") && text.contains("alert(1)"))
        let logins = report.json()["logins"]?.array
        #expect(logins?.first?["account"]?.string == evil)
    }

    @Test func entriesOfOneNameAreCountedEachByItself() throws {
        let blocks = ["20.21.208.105", "20.21.209.0/24", "20.21.210.0/24"]
        let policy = try Policy(
            entries: blocks.map {
                SourceEntry(list: "test", service: "vsee", cidr: try CIDRBlock($0), channels: [.webhook])
            })
        let report = try report(
            [
                attempt("20.21.208.105", .accepted, .listed), attempt("20.21.208.105", .accepted, .listed),
                attempt("20.21.209.7", .accepted, .listed), attempt("20.21.211.1", .accepted, .listed),
                attempt("20.21.209.7", .accepted, .listed) { $0.channel = .sftp },
            ], policy: policy)
        #expect(report.entries.map(\.attempts) == [2, 1, 0])
        #expect(report.removedEntries.map(\.attempts) == [2], "another block, another channel")
        #expect(
            report.findings.first { $0.code == "entry_without_traffic" }?.items == [
                "test/vsee 20.21.210.0/24"
            ])
    }

    @Test func sourcesOfAsManyAttemptsStandInTheOrderOfAddresses() throws {
        let addresses = ["2001:db8::2", "10.0.0.10", "2001:db8::10", "9.0.0.1", "10.0.0.9"]
        let report = try report(addresses.map { try attempt($0, .rejected, .notListed) })
        #expect(
            report.sources.map { $0.ip?.description } == [
                "9.0.0.1", "10.0.0.9", "10.0.0.10", "2001:db8::2", "2001:db8::10",
            ])
    }

    @Test(
        arguments: [
            (600, "minute", 1, 10), (4 * 3600 - 1, "minute", 1, 240), (2 * 86400, "hour", 1, 48),
            (8 * 86400, "day", 1, 8), (3 * 365 * 86400, "day", 1, 1095), (20 * 365 * 86400, "day", 5, 1460),
        ] as [(Int64, String, Int64, Int)])
    func chartsGoOverTheWholePeriodByItsOwnUnit(seconds: Int64, unit: String, units: Int64, count: Int) throws
    {
        let period = ReportPeriod(since: day, until: day + .seconds(seconds))
        let report = try report([attempt("192.0.2.1", .rejected, .notListed)], period: period)
        #expect(period.unit.rawValue == unit && period.units == units)
        #expect(abs(report.steps.count - count) <= 1 && report.steps.reduce(0) { $0 + $1.total } == 1)
        #expect(report.steps[0].start <= day && report.steps[0].start > day - .seconds(5 * 86400))
        #expect(report.json()["chart"]?["steps"]?.array?.count == report.steps.count)
    }

    @Test func theHeadingNamesThePeriodWithItsOffsetAndTheReachOfTheLedger() throws {
        let place = LocalTime { _ in 3 * 3600 }
        let since = day - .seconds(3 * 3600)
        let period = ReportPeriod(since: since, until: since + .seconds(86400), place: place)
        let report = try report([attempt("192.0.2.1", .rejected, .notListed)], period: period)
        let lines = ReportText(report).lines { text, _ in text }
        #expect(lines[0] == "t: 2026-11-23 00:00 +03:00 to 2026-11-24 00:00 +03:00")
        #expect(lines[1] == "The ledger begins 2026-11-23 00:00Z, with entry 0.")
        #expect(ReportPage(report).html.contains("2026-11-23 00:00 +03:00 to 2026-11-24 00:00 +03:00"))
        let json = report.json()
        #expect(json["period"]?["since"]?.string == "2026-11-23T00:00:00.000000+03:00")
        #expect(json["since"]?.string == "2026-11-22T21:00:00.000000Z")
        #expect(codes(report).contains("period_not_covered"), "three hours lie before the first entry")
    }

    @Test func noLineBreaksInsideAnAddressOnThePage() throws {
        let report = try report([attempt("2001:db8::1", .accepted, .listed)])
        let page = ReportPage(report).html
        #expect(page.contains("<span class=\"ip\">2001:db8::1</span>"))
        #expect(page.contains("<span class=\"ip\">20.21.208.105/32</span>"))
    }

    @Test func aReportOfNothingIsStillAReport() throws {
        let report = try report([])
        #expect(report.attempts == 0 && ReportPage(report).html.contains("Nobody came in the period."))
        #expect(ReportText(report).lines { text, _ in text }.contains("  Nobody came in the period."))
    }
}
