// An expectation by the clocks of its place.
package import Admission
import Foundation

extension ExpectedContact {
    /// The expected time between two moments, where the zone's rules of then decide. An unknown zone counts as UTC;
    /// reading the list has refused it.
    package func elapsed(from start: Instant, to end: Instant) -> Duration {
        let zone = zone == "UTC" ? nil : TimeZone(identifier: zone)
        return elapsed(from: start, to: end) { instant in
            let date = Date(timeIntervalSince1970: Double(instant.microseconds) / 1_000_000)
            return Int64(zone?.secondsFromGMT(for: date) ?? 0)
        }
    }
}
