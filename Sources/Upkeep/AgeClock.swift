// Whether the clock may be believed when it says that the time of something is over. One that is years ahead for a minute, as after
// a start with a dead battery, would otherwise have everything removed that is kept for long: sealed entries, quarantine, receipts.
import Admission
package import Intake
import Logging
import Synchronization

/// Looks at the clock before things are removed for their age. After a leap ahead nothing is, until a day has passed by a clock
/// that nobody sets: time enough for a time server, and for whoever looks after the machine. A gate that was off for longer than
/// that sees a leap, too.
package final class AgeClock: Sendable {
    /// More than this at once is a leap.
    package static let largestStep = Duration.seconds(86_400)
    /// How long nothing is removed after one.
    package static let patience = Duration.seconds(86_400)

    private struct State {
        /// At the last look.
        var clock: Instant
        var uptime: Duration
        var doubtedUntil: Duration?
    }

    private let intake: Intake
    private let uptime: @Sendable () -> Duration
    private let state: Mutex<State>

    /// - Parameter uptime: as of `ClockWatch`.
    package init(_ intake: Intake, uptime: @escaping @Sendable () -> Duration = { MachineTime.uptime }) {
        self.intake = intake
        self.uptime = uptime
        // Since the last entry of the gate before this one nobody has looked at the clock.
        state = Mutex(State(clock: intake.newestBefore ?? intake.now, uptime: uptime()))
    }

    /// One look: whether what is old may be removed now.
    package func isBelieved() -> Bool {
        let (clock, uptime) = (intake.now, uptime())
        let (leap, isBelieved) = state.withLock { state -> (Duration?, Bool) in
            let ahead = (clock - state.clock) - (uptime - state.uptime)
            (state.clock, state.uptime) = (clock, uptime)
            let leap = ahead > Self.largestStep ? ahead : nil
            if leap != nil { state.doubtedUntil = uptime + Self.patience }
            if let until = state.doubtedUntil, uptime >= until { state.doubtedUntil = nil }
            return (leap, state.doubtedUntil == nil)
        }
        if let leap {
            intake.logger.warning(
                "the clock is \(leap.components.seconds / 86_400) days ahead of where it was last: nothing is removed for its age for a day; see whether the clock is right (timedatectl)"
            )
        }
        return isBelieved
    }
}
