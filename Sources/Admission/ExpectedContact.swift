// How often a source is expected to be heard from, and how much of that time has gone by. Pure: what the clocks of a
// place say (time zones) is told by the caller.

/// Contact at least every so often, counted in the hours and on the days when it is expected at all.
package struct ExpectedContact: Sendable, Hashable {
    /// Days of the week, in ISO 8601's order.
    package enum Day: String, Sendable, Hashable, CaseIterable { case mon, tue, wed, thu, fri, sat, sun }

    package var every: Duration
    /// Minutes of the local day, the end exclusive; from 0 to 1440.
    package var hours: Range<Int>
    package var days: Set<Day>
    /// A name of the time zone database (`Asia/Qatar`).
    package var zone: String

    package init(
        every: Duration, hours: Range<Int> = 0..<1440, days: Set<Day> = Set(Day.allCases),
        zone: String = "UTC"
    ) {
        self.every = every
        self.hours = hours
        self.days = days
        self.zone = zone
    }

    /// The expected time between two moments: the part of it that lies in the expected hours of expected days.
    /// `offset`: seconds by which local time is ahead of UTC at a moment.
    package func elapsed(
        from start: Instant, to end: Instant, offset: (Instant) -> Int64
    ) -> Duration {
        guard start < end else { return .zero }
        if hours == 0..<1440, days.count == Day.allCases.count { return end - start }
        var sum: Int64 = 0
        // No gate waits longer for a word; it bounds the loop.
        let first = max(start, end - .seconds(366 * 86_400))
        var day = Self.floor(local(first, offset), Self.dayLength) - Self.dayLength
        let last = local(end, offset) + Self.dayLength
        while day <= last {
            if days.contains(Self.weekday(day)) {
                let shift = offset(Instant(microseconds: day)) * 1_000_000
                let opens = day + Int64(hours.lowerBound) * 60_000_000 - shift
                let closes = day + Int64(hours.upperBound) * 60_000_000 - shift
                sum += max(0, min(closes, end.microseconds) - max(opens, first.microseconds))
            }
            day += Self.dayLength
        }
        return .microseconds(sum)
    }

    /// `at least every 14400 s, 08:00-18:00 on sun+mon (Asia/Qatar)`: for people and for the policy's version.
    package var summary: String {
        var text = "at least every \(every.components.seconds) s"
        if hours != 0..<1440 { text += ", \(Self.clock(hours.lowerBound))-\(Self.clock(hours.upperBound))" }
        if days.count < Day.allCases.count {
            text += " on " + Day.allCases.filter(days.contains).map(\.rawValue).joined(separator: "+")
        }
        return zone == "UTC" ? text : "\(text) (\(zone))"
    }

    private static let dayLength: Int64 = 86_400_000_000

    private func local(_ instant: Instant, _ offset: (Instant) -> Int64) -> Int64 {
        instant.microseconds + offset(instant) * 1_000_000
    }

    private static func floor(_ value: Int64, _ unit: Int64) -> Int64 {
        value - ((value % unit) + unit) % unit
    }

    /// Of a local midnight. 1 January 1970 was a Thursday.
    private static func weekday(_ midnight: Int64) -> Day {
        let number = Int(((midnight / dayLength + 3) % 7 + 7) % 7)
        return Day.allCases[number]
    }

    private static func clock(_ minutes: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(two(minutes / 60)):\(two(minutes % 60))"
    }
}
