// `dropgate report` over a made-up month gives what was made up.
import Admission
import Foundation
import JSON
import Ledger
import Testing

@Suite struct MonthReportTests {
    private let month: MadeUpMonth

    init() throws { month = try MadeUpMonth() }

    private func gate() throws -> TestGate { try month.gate() }

    private func handle(_ gate: TestGate) -> LedgerHandle {
        LedgerHandle(file: gate.path("state/ledger.sqlite"))
    }

    private func report(_ gate: TestGate, _ since: String, _ until: String) async throws -> JSONValue {
        let answer = await gate.run("report", "--since", since, "--until", until, "--format", "json")
        try #require(answer.status == 0, "\(answer.error)")
        return try JSONValue(parsing: Array(answer.out.utf8))
    }

    private func finding(_ report: JSONValue, _ code: String) -> [String]? {
        report["findings"]?.array?.first { $0["code"]?.string == code }?["items"]?.array?.compactMap(\.string)
    }

    private static let (begin, end) = ("2025-11-01T00:00:00Z", "2025-12-01T00:00:00Z")

    @Test func everyAttemptIsCountedOnceAndEachEntryByItself() async throws {
        let report = try await report(gate(), Self.begin, Self.end)
        #expect(report["totals"] == ["attempts": 518, "accepted": 384, "rejected": 124, "observed": 10])
        let entries = try #require(report["entries"]?.array)
        let rows = entries.map { entry in
            "\(entry["id"]?.string ?? "") \(entry["cidr"]?.string ?? "") \(entry["attempts"]?.int ?? -1) "
                + "\(entry["rejected"]?.int ?? -1) \(entry["state"]?.string ?? "")"
        }
        #expect(
            rows.sorted() == [
                "partner/backup 198.51.100.99/32 0 0 in force", "partner/lab 198.51.100.7/32 14 16 expired",
                "trial/new 2001:db8:17::/48 10 0 observed only",
                "vsee-qatar/clinic 20.21.208.105/32 320 0 in force",
                "vsee-qatar/clinic-2 20.21.209.0/24 30 0 in force",
            ])
        #expect(report["days"]?.array?.count == 30 && report["chart"]?["unit"] == "day")
        let days = report["chart"]?["steps"]?.array?.compactMap { $0["accepted"]?.int } ?? []
        #expect(days.reduce(0, +) == 384 && days.count == 30 && days[17] == 10 + 20 + 1 + 1)
    }

    @Test func itsFindingsAreThoseOfTheMonth() async throws {
        let report = try await report(gate(), Self.begin, Self.end)
        #expect(
            finding(report, "refused_expired") == [
                "partner/lab: 198.51.100.7 on webhook, 16 attempts, the last 2025-11-30 08:03Z"
            ])
        #expect(finding(report, "observed_only") == ["trial/new 2001:db8:17::/48: 10 attempts"])
        #expect(finding(report, "entry_without_traffic") == ["partner/backup 198.51.100.99/32"])
        #expect(finding(report, "entry_expired") == ["partner/lab 198.51.100.7/32"])
        #expect(
            finding(report, "accepted_by_removed_entry")?.first?.hasPrefix("old/vpn: 20 attempts") == true)
        #expect(finding(report, "near_miss") == ["20.21.208.9: 3 rejected, near vsee-qatar/clinic"])
        #expect(
            finding(report, "bad_reload")?.count == 1 && finding(report, "ended_without_stop")?.count == 1)
        #expect(finding(report, "period_not_covered") == nil, "the ledger begins an hour before")
        let clock = try #require(finding(report, "clock_changed"))
        #expect(clock.count == 3)
        #expect(clock[0].contains("set back by 7200 s") && clock[1].contains("set forward by 7200 s"))
        #expect(
            clock[2].contains("the clock showed 2025-11-18T10:00:01.000000Z to 2025-11-18T10:21:00.000000Z"))
        let exports = report["exports"]?.array?.compactMap { $0["what"]?.string }
        #expect(exports == ["li attempts csv", "jonas report csv"])
        #expect(report["policy_changes"]?.array?.count == 3)
    }

    @Test func whatWasWrittenWhileTheClockWasBehindIsFoundByWhatItSaid() async throws {
        let gate = try gate()
        let (since, until) = ("2025-11-18T10:01:30Z", "2025-11-18T10:10:30Z")
        // Nine of the minute by minute calls; their own times are of 11:01.
        #expect(try await report(gate, since, until)["totals"]?["attempts"] == 9)
        let found = await gate.run(
            "attempts", "--since", since, "--until", until, "--limit", "0", "--kind", "request")
        #expect(found.out.split(separator: "\n").count == 1 + 9)
        #expect(found.error.contains("the clock was set back; these entries"))
        let plain = await gate.run(
            "attempts", "--since", "2025-11-05T00:00:00Z", "--until", "2025-11-06T00:00:00Z")
        #expect(!plain.error.contains("clock"))
    }

    @Test func sealedEntriesCountAndRemovedOnesAreTold() async throws {
        let gate = try gate()
        let whole = try await report(gate, Self.begin, Self.end)
        let before = try await report(gate, "2025-11-18T10:01:30Z", "2025-11-18T10:10:30Z")
        do {
            let store = try handle(gate).open(node: "gate-1")
            let sealing = try handle(gate).sealing()
            let segment = try sealing.writeSegment(0, 0..<256)
            _ = try store.commit(
                [.sealed(segment), .clearSealed(below: 256, limit: 300)], now: MadeUpMonth.end)
        }
        let sealed = try await report(gate, Self.begin, Self.end)
        for member in [
            "totals", "sources", "entries", "chart", "findings", "policy_changes", "seqs", "ledger",
        ] {
            #expect(sealed[member] == whole[member], "\(member)")
        }
        #expect(
            try await report(gate, "2025-11-18T10:01:30Z", "2025-11-18T10:10:30Z")["totals"]
                == before["totals"])
        do {
            let store = try handle(gate).open(node: "gate-1")
            let sealing = try handle(gate).sealing()
            _ = try store.commit([.segmentRemoved(sealing.segments()[0])], now: MadeUpMonth.end)
            try sealing.removeFile(of: sealing.segments()[0])
        }
        let rest = try await report(gate, Self.begin, Self.end)
        #expect(rest["ledger"]?["first_seq"] == 256 && rest["seqs"]?["first"] == 256)
        #expect(rest["ledger"]?["removed_up_to"] != nil && finding(rest, "period_not_covered") != nil)
    }
}
