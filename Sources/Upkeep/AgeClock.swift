// Whether the clock may be believed when it says that the time of something is over. One that is years ahead for a minute, as after
// a start with a dead battery, would otherwise have everything removed that is kept for long: sealed entries, quarantine, receipts.
import Admission
package import Intake
import JSON
import Ledger
import Logging
import Synchronization

/// Looks at the clock before things are removed for their age. After a leap ahead nothing is, until a day has passed by a clock
/// that nobody sets: time enough for a time server, and for whoever looks after the machine. A gate that was off for longer than
/// that sees a leap, too. A file remembers it over restarts: by then the ledger has entries of that time. Of a machine that is
/// started again and again the time counts during which a gate ran: nobody knows for how long it was off.
package final class AgeClock: Sendable {
    /// More than this at once is a leap.
    package static let largestStep = Duration.seconds(86_400)
    /// How long nothing is removed after one.
    package static let patience = Duration.seconds(86_400)
    /// How often what is left of that is kept: a start of the machine costs no more.
    static let keeping = Duration.seconds(60)

    private struct State {
        /// At the last look.
        var clock: Instant
        var uptime: Duration
        var doubtedUntil: Duration?
        /// When what is left of the doubt was kept last.
        var kept = Duration.zero
    }

    /// Where a leap is remembered over restarts of the gate.
    package struct Memory: Sendable {
        /// What was kept; nil: nothing is there. Empty where it cannot be read.
        package var read: @Sendable () -> [UInt8]?
        /// Keeps this; nil: nothing any more. Throws what prevents it.
        package var keep: @Sendable ([UInt8]?) throws -> Void
        /// Changes with each start of the machine, with which its uptime begins anew. nil where it is not known: then each start of the
        /// gate may be one of the machine.
        package var boot: String?

        package init(
            boot: String?, read: @escaping @Sendable () -> [UInt8]?,
            keep: @escaping @Sendable ([UInt8]?) throws -> Void
        ) {
            self.boot = boot
            self.read = read
            self.keep = keep
        }
    }

    private let intake: Intake
    private let memory: Memory?
    private let uptime: @Sendable () -> Duration
    private let state: Mutex<State>

    /// - Parameters:
    ///   - memory: nil: none.
    ///   - uptime: as of `ClockWatch`.
    package init(
        _ intake: Intake, memory: Memory? = nil,
        uptime: @escaping @Sendable () -> Duration = { MachineTime.uptime }
    ) {
        self.intake = intake
        self.memory = memory
        self.uptime = uptime
        let now = uptime()
        // Since the last entry of the gate before this one nobody has looked at the clock.
        var first = State(clock: Self.lastLook(intake) ?? intake.now, uptime: now)
        if let memory, let kept = memory.read() {
            first.doubtedUntil = Self.end(kept, boot: memory.boot, now: now)
        }
        first.kept = now
        state = Mutex(first)
        if let until = first.doubtedUntil { remember(until: until, now: now) }
        // Before the gate's own entries have the clock's time.
        _ = isBelieved()
    }

    /// What the clock said at the last entry of the gate before this one; nil: there is none. The entry's time may be years
    /// ahead of that, after a leap that was put right, and would hide the next leap.
    private static func lastLook(_ intake: Intake) -> Instant? {
        guard let newest = intake.newestBefore else { return nil }
        do {
            let reader = try intake.ledger.reader()
            let entry = try reader.entry(seq: reader.firstSeq(notBefore: newest))
            return try entry?.value()["clock"]?.string.flatMap(Instant.init(rfc3339:)) ?? newest
        } catch {
            // A ledger that cannot be read is told by those who need more of it.
            return newest
        }
    }

    /// The end of a doubt that began before; a day from now where it cannot be told. After a start of the machine all is still to
    /// come that was left when it was kept last.
    private static func end(_ kept: [UInt8], boot: String?, now: Duration) -> Duration {
        guard let value = try? JSONValue(parsing: kept) else { return now + patience }
        let left: Duration?
        if let boot, value["boot"]?.string == boot {
            left = value["until"]?.int.map { Duration.seconds($0) - now }
        } else {
            left = value["left"]?.int.map { Duration.seconds($0) }
        }
        return now + min(left ?? patience, patience)
    }

    /// One look: whether what is old may be removed now.
    package func isBelieved() -> Bool {
        let (clock, uptime) = (intake.now, uptime())
        let (leap, end, hasEnded, isDue) = state.withLock { state -> (Duration?, Duration?, Bool, Bool) in
            let ahead = (clock - state.clock) - (uptime - state.uptime)
            (state.clock, state.uptime) = (clock, uptime)
            let leap = ahead > Self.largestStep ? ahead : nil
            if leap != nil { state.doubtedUntil = uptime + Self.patience }
            guard let until = state.doubtedUntil, uptime >= until else {
                let isDue = leap != nil || uptime - state.kept >= Self.keeping
                if isDue { state.kept = uptime }
                return (leap, state.doubtedUntil, false, isDue)
            }
            state.doubtedUntil = nil
            return (leap, nil, true, false)
        }
        if let leap {
            intake.logger.warning(
                "the clock is \(leap.components.seconds / 86_400) days ahead of where it was last: nothing is removed for its age for a day; see whether the clock is right (timedatectl)"
            )
        }
        if isDue, let end { remember(until: end, now: uptime) }
        if hasEnded { keep(nil) }
        return end == nil
    }

    private func remember(until end: Duration, now: Duration) {
        guard let memory else { return }
        var members: [String: JSONValue] = [
            "until": .int(end.components.seconds + 1), "left": .int((end - now).components.seconds + 1),
        ]
        members["boot"] = memory.boot.map(JSONValue.string)
        keep(CanonicalJSON.encode(.object(members)))
    }

    private func keep(_ bytes: [UInt8]?) {
        do { try memory?.keep(bytes) } catch {
            intake.logger.error("that the clock has leapt cannot be kept over a restart: \(error)")
        }
    }
}
