// The period of a report, and by which steps of time its attempts are counted. Pure.
package import Admission
package import Ledger

package struct ReportPeriod: Sendable {
    /// Steps of a chart.
    package enum Unit: String, Sendable {
        case minute, hour, day

        fileprivate var microseconds: Int64 {
            switch self {
            case .minute: 60_000_000
            case .hour: 3_600_000_000
            case .day: LedgerTally.day
            }
        }
    }

    /// From here on.
    package let since: Instant
    /// Up to and without this.
    package let until: Instant
    /// Where the reader of the report is.
    package let place: LocalTime
    package let unit: Unit
    /// How many units a step has: 1, but of days more where there are too many for a chart.
    package let units: Int64

    /// Steps of a chart at most.
    private static let mostSteps: Int64 = 1500

    /// - Parameter until: after `since`.
    package init(since: Instant, until: Instant, place: LocalTime = .utc) {
        self.since = since
        self.until = until
        self.place = place
        let (length, overflow) = until.microseconds.subtractingReportingOverflow(since.microseconds)
        let hours = overflow ? Int64.max : length / 3_600_000_000
        unit = hours < 4 ? .minute : hours < 8 * 24 ? .hour : .day
        units = unit == .day ? hours / 24 / Self.mostSteps + 1 : 1
    }

    /// Microseconds.
    package var step: Int64 { unit.microseconds * units }

    package var ledger: LedgerPeriod { LedgerPeriod(since: since, until: until) }

    /// `2026-11-23 00:00 +03:00 to 2026-11-24 00:00 +03:00`, and why it is in UTC where it should not be.
    package var text: String {
        "\(place.text(since)) to \(place.text(until))" + (place.warning.map { " (\($0))" } ?? "")
    }

    /// The numbers of all steps of the period, counted from 1970.
    func steps(of step: Int64) -> ClosedRange<Int64> {
        func number(_ time: Int64) -> Int64 { time >= 0 ? time / step : (time - step + 1) / step }
        let first = number(since.microseconds)
        return first...max(first, number(until.microseconds - 1))
    }
}
