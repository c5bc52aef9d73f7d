// Whether the machine's clock agrees with the ledger's newest entry.
import Admission
import Ledger
import Reachability

enum ClockCheck {
    /// As the running gate's `ClockWatch`.
    private static let tolerance = Duration.seconds(3)

    /// What cannot be read of the ledger is told by its own check.
    static func findings(_ facts: GateFacts) -> [Finding] {
        guard let reader = facts.reader, let last = try? reader.lastSeq(),
            let newest = try? reader.entry(seq: last)?.time
        else { return [] }
        guard newest - facts.now >= tolerance else {
            return [Finding("clock", .ok, "the machine's clock is not behind the ledger")]
        }
        return [
            Finding(
                "clock", .fail,
                "the clock says \(facts.now), but the ledger's newest entry, \(last), has the time \(newest): the clock was set "
                    + "back, or it was ahead before that",
                fix:
                    "correct the clock (timedatectl, chronyc tracking); until it has passed that time, entries get times "
                    + "a microsecond apart, with the clock's own time in `clock`")
        ]
    }
}
