// What the doctor says of sources, from ledgers made for it.
import Admission
import Ledger
import Support
import Testing

@testable import Reachability

@Suite struct ContactCheckTests {
    private static func at(_ text: String) throws -> Instant { try #require(Instant(rfc3339: text)) }

    private static func attempt(_ ip: String, _ verdict: Verdict = .accepted, entries: [String] = [])
        -> Attempt
    {
        var attempt = Attempt(
            kind: .request, channel: .webhook, verdict: verdict,
            reason: verdict == .accepted ? .listed : .notListed)
        attempt.source = (try? IPAddress(ip)).map { Endpoint(ip: $0) }
        attempt.entries = entries
        return attempt
    }

    /// Attempts recorded at `time`, looked at an hour later.
    private func findings(
        _ attempts: [Attempt], change: (inout SourceEntry) -> Void = { _ in }
    ) throws -> [Finding] {
        let directory = try TemporaryDirectory("contacts")
        let path = directory.file("ledger.sqlite")
        let store = try LedgerHandle(file: path).open(node: "t")
        let time = try Self.at("2026-11-23T08:00:00Z")
        if !attempts.isEmpty {
            _ = try store.commit(attempts.map { .append($0, drop: nil) }, now: time)
        }
        var entry = SourceEntry(
            list: "l", service: "clinic", cidr: try CIDRBlock("20.21.208.105"), channels: [.webhook, .sftp])
        change(&entry)
        return try ContactCheck(
            policy: try Policy(entries: [entry]), reader: try LedgerHandle(file: path).reader(),
            now: time + .seconds(3600)
        ).findings()
    }

    @Test func theLastContactIsSaidChannelByChannel() throws {
        let found = try findings([Self.attempt("20.21.208.105", entries: ["l/clinic"])])
        #expect(found.contains { $0.state == .ok && $0.text == "l/clinic: webhook 60 min ago, sftp never" })
    }

    @Test func aSourceThatNeverCameIsAWarning() throws {
        let found = try findings([Self.attempt("20.21.208.105", .rejected)])
        #expect(found.contains { $0.state == .warn && $0.text == "l/clinic: webhook never, sftp never" })
    }

    @Test(arguments: [(3000, Finding.State.warn), (4000, .ok)])
    func overdueContactIsAWarning(every: Int, state: Finding.State) throws {
        let found = try findings([Self.attempt("20.21.208.105", entries: ["l/clinic"])]) {
            $0.expect = [.webhook: ExpectedContact(every: .seconds(every))]
        }
        #expect(found.contains { $0.state == state && $0.text.hasPrefix("l/clinic: webhook 60 min ago") })
    }

    @Test func anEntryPastItsReviewIsAWarning() throws {
        let review = try Self.at("2026-11-01T00:00:00Z")
        let found = try findings([]) { $0.reviewBy = review }
        #expect(found.contains { $0.state == .warn && $0.text.contains("review overdue") })
    }

    @Test func aChannelThatWasNeverHeardIsOverdueToo() throws {
        let found = try findings([Self.attempt("20.21.208.105", entries: ["l/clinic"])]) {
            $0.expect = [.sftp: ExpectedContact(every: .seconds(60))]
        }
        #expect(
            found.contains { $0.state == .warn && $0.text.contains("sftp never; expected sftp at least") })
    }
}
