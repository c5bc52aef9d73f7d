// A jump of the machine's clock, as an entry of kind `service` and reason `changed` tells it.
package import Admission
package import JSON

package struct ClockChange: Sendable, Hashable {
    /// By how much the clock was set, in seconds: less than zero is back. At a start at least so much.
    package var seconds: Int64
    /// It was found when the gate started, by the ledger's newest entry; else while it ran.
    package var isAtStart: Bool
    /// What the clock says now.
    package var clock: Instant

    package init(seconds: Int64, isAtStart: Bool, clock: Instant) {
        self.seconds = seconds
        self.isAtStart = isAtStart
        self.clock = clock
    }

    /// The member of an entry's `detail`: `seconds`, `found` (`at_start` or `running`) and `clock`.
    package static let member = "clock_changed"

    package var json: JSONValue {
        [
            "seconds": .int(seconds), "found": .string(isAtStart ? "at_start" : "running"),
            "clock": .string(clock.description),
        ]
    }

    /// nil when the member is not what a gate writes.
    package init?(_ json: JSONValue?) {
        guard let seconds = json?["seconds"]?.int,
            let clock = json?["clock"]?.string.flatMap(Instant.init(rfc3339:))
        else { return nil }
        self.init(seconds: seconds, isAtStart: json?["found"]?.string == "at_start", clock: clock)
    }

    /// `the machine's clock was set back by 3600 s, to 2026-11-23T08:15:30.123456Z`
    package var summary: String {
        if isAtStart {
            return "the machine's clock is \(seconds.magnitude) s behind the ledger's newest entry: it says "
                + "\(clock)"
        }
        let direction = seconds < 0 ? "back" : "forward"
        return "the machine's clock was set \(direction) by \(seconds.magnitude) s, to \(clock)"
    }
}
