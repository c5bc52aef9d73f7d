// How much expected time has gone by: whole days, hours of a day, days of a week, time zones.
import Testing

@testable import Admission

@Suite struct ExpectedContactTests {
    private static func at(_ text: String) throws -> Instant { try #require(Instant(rfc3339: text)) }

    /// Business hours of a Gulf week, three hours ahead of UTC.
    private static let office = ExpectedContact(
        every: .seconds(4 * 3600), hours: 480..<1080, days: [.sun, .mon, .tue, .wed, .thu], zone: "Asia/Qatar"
    )

    private static func elapsed(
        _ expectation: ExpectedContact, _ start: String, _ end: String, ahead: Int64 = 3
    ) throws -> Duration {
        expectation.elapsed(from: try at(start), to: try at(end)) { _ in ahead * 3600 }
    }

    @Test func withoutHoursEveryMomentCounts() throws {
        let always = ExpectedContact(every: .seconds(60))
        #expect(
            try Self.elapsed(always, "2026-11-23T10:00:00Z", "2026-11-25T11:00:00Z") == .seconds(49 * 3600))
        #expect(try Self.elapsed(always, "2026-11-25T11:00:00Z", "2026-11-23T10:00:00Z") == .zero)
    }

    @Test(arguments: [
        // Monday: within the day, 08:00 local is 05:00 UTC.
        ("2026-11-23T05:00:00Z", "2026-11-23T07:30:00Z", 9000),
        // Before opening and after closing nothing counts.
        ("2026-11-23T00:00:00Z", "2026-11-23T05:00:00Z", 0),
        ("2026-11-23T15:00:00Z", "2026-11-24T05:00:00Z", 0),
        // Over a night: an hour before closing at 15:00 UTC, an hour after opening.
        ("2026-11-23T14:00:00Z", "2026-11-24T06:00:00Z", 7200),
        // Friday and Saturday are the weekend: Thursday's last hour and Sunday's first.
        ("2026-11-26T14:00:00Z", "2026-11-29T06:00:00Z", 7200),
        // A whole week: five days of ten hours.
        ("2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z", 5 * 36000),
    ])
    func onlyExpectedHoursCount(start: String, end: String, seconds: Int) throws {
        #expect(try Self.elapsed(Self.office, start, end) == .seconds(seconds))
    }

    @Test func theHoursAreThoseOfThePlace() throws {
        // 08:00 at UTC-5 is 13:00 UTC.
        let start = "2026-11-23T12:00:00Z"
        #expect(try Self.elapsed(Self.office, start, "2026-11-23T13:00:00Z", ahead: -5) == .zero)
        #expect(try Self.elapsed(Self.office, start, "2026-11-23T14:00:00Z", ahead: -5) == .seconds(3600))
    }

    @Test func aSplitOfTimeAddsUp() throws {
        var now = try Self.at("2026-11-20T03:17:11Z")
        let start = now
        var sum = Duration.zero
        for step in 1...200 {
            let next = now + .seconds(step * 97)
            sum += Self.office.elapsed(from: now, to: next) { _ in 10_800 }
            now = next
        }
        #expect(sum == Self.office.elapsed(from: start, to: now) { _ in 10_800 })
    }

    @Test func theSummaryTellsEverythingApart() {
        #expect(
            Self.office.summary == "at least every 14400 s, 08:00-18:00 on mon+tue+wed+thu+sun (Asia/Qatar)")
        #expect(ExpectedContact(every: .seconds(9)).summary == "at least every 9 s")
    }

    @Test func anExpectationIsPartOfThePolicyAndNothingElseChanges() throws {
        var entry = SourceEntry(
            list: "l", service: "s", cidr: try CIDRBlock("192.0.2.1"), channels: [.webhook])
        let plain = try Policy(entries: [entry])
        entry.expect = [.webhook: Self.office]
        let expecting = try Policy(entries: [entry])
        #expect(plain.version != expecting.version)
        #expect(!plain.difference(from: expecting).isEmpty)
    }
}
