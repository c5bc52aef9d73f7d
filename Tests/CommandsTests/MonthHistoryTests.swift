// `dropgate source explain` over a made-up month: who was let in when, by which lists, and who answers for it.
import Admission
import Foundation
import JSON
import Ledger
import Testing

@Suite struct MonthHistoryTests {
    private let month: MadeUpMonth
    private let gate: TestGate

    init() throws {
        month = try MadeUpMonth()
        gate = try month.gate()
    }

    /// The answer of the webhook channel: verdict or "unknown", reason, and which of the month's lists decided.
    private func explain(_ ip: String, at time: String) async throws -> String {
        let answer = await gate.run(
            "source", "explain", ip, "--channel", "webhook", "--at", time, "--format", "json")
        let said = try #require(
            try JSONValue(parsing: Array(answer.out.utf8)).array?.first, "\(answer.error)")
        guard said["known"] == true else { return "unknown" }
        let lists = month.policies.firstIndex { $0.policy.version == said["policy"]?.string }
        return
            "\(said["verdict"]?.string ?? "") \(said["reason"]?.string ?? "") \(lists.map { "\($0)" } ?? "other")"
    }

    @Test(arguments: [
        // Removed by the second change.
        ("192.0.2.9", "2025-11-15T12:00:00Z", "accepted listed 1"),
        ("192.0.2.9", "2025-11-20T08:59:59Z", "accepted listed 1"),
        ("192.0.2.9", "2025-11-25T12:00:00Z", "rejected not_listed 2"),
        // Observed from the first change on.
        ("2001:db8:17::20", "2025-11-05T12:00:00Z", "rejected not_listed 0"),
        ("2001:db8:17::20", "2025-11-12T12:00:00Z", "observed not_listed 1"),
        // Expires while its list stays as it is.
        ("198.51.100.7", "2025-11-02T12:00:00Z", "accepted listed 0"),
        ("198.51.100.7", "2025-11-29T12:00:00Z", "rejected entry_expired 2"),
        // While the clock was wrong, and across a start that no stop precedes.
        ("20.21.208.105", "2025-11-18T12:30:00Z", "accepted listed 1"),
        ("20.21.208.105", "2025-11-22T02:59:00Z", "accepted listed 2"),
        // Before the first start that the ledger tells of.
        ("20.21.208.105", "2025-10-01T00:00:00Z", "unknown"),
    ]) func thePastIsAnsweredByTheListsOfThen(_ ip: String, _ time: String, _ expected: String) async throws {
        #expect(try await explain(ip, at: time) == expected)
    }

    @Test(arguments: [
        ("20.21.208.105", "vsee-qatar/clinic amira"), ("20.21.209.5", "vsee-qatar/clinic-2 amira"),
        ("192.0.2.9", "old/vpn amira"), ("198.51.100.7", "partner/lab jonas"),
        ("2001:db8:17::20", "trial/new li"),
    ]) func whoAnswersForTheEntryThatLetItInIsTold(_ ip: String, _ expected: String) async throws {
        var query = LedgerQuery()
        query.sources = [try CIDRBlock(ip)]
        query.verdicts = [.accepted, .observed]
        query.order = .newestFirst
        query.limit = 1
        let reader = try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader()
        let seq = try #require(try reader.entries(query).first).seq
        let answer = await gate.run("source", "explain", "--entry", "\(seq)", "--format", "json")
        let said = try JSONValue(parsing: Array(answer.out.utf8))
        let told = said["list_entries"]?.array?.map {
            "\($0["id"]?.string ?? "") \($0["owner"]?.string ?? "")"
        }
        #expect(told == [expected], "\(answer)")
    }
}
