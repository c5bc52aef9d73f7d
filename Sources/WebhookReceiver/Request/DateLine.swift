// The `Date` field of answers (RFC 9110, 6.6.1 and 5.6.7), made once a second, without Foundation.
import Admission
import Synchronization

final class DateLine: Sendable {
    private struct Made {
        var second: Int64
        var text: String
    }

    private let made = Mutex(Made(second: .min, text: ""))
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Mon, 23 Nov 2026 08:15:30 GMT`
    func text(at now: Instant) -> String {
        let second = now.microseconds / 1_000_000
        return made.withLock {
            if $0.second != second { $0 = Made(second: second, text: Self.format(second)) }
            return $0.text
        }
    }

    /// From 1970 to 9999; what else a broken clock says gives the epoch.
    static func format(_ second: Int64) -> String {
        let second = (0..<253_402_300_800).contains(second) ? second : 0
        // "2026-11-23T08:15:30.000000Z"
        let text = Array(Instant(microseconds: second * 1_000_000).description.utf8)
        func part(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }
        let month = months[max(0, min(11, (Int(part(5..<7)) ?? 1) - 1))]
        // 1 January 1970 was a Thursday.
        let day = days[Int(second / 86_400 % 7)]
        return "\(day), \(part(8..<10)) \(month) \(part(0..<4)) \(part(11..<19)) GMT"
    }
}
