// Whether the ledger's entries get to where they are forwarded. Pure.
import Admission
import Audit
import Reachability

enum ForwardingCheck {
    /// Seconds that the oldest entry may wait before somebody should look.
    private static let patience: Int64 = 60

    /// - Parameter state: of the running gate; nil when none runs.
    static func findings(_ state: GateState?) -> [Finding] { (state?.forwarders ?? []).map(finding) }

    static func finding(_ forwarder: ForwarderState) -> Finding {
        let what = "\(forwarder.name) to \(UntrustedText.line(forwarder.target))"
        let isLate = forwarder.waitingSeconds >= patience
        guard forwarder.isFailing || isLate else {
            let waiting = forwarder.waiting.map {
                $0 == 0 ? "nothing waits" : "\(Counted.entries($0)) on the way"
            }
            return Finding("forwarding", .ok, "\(what): \(waiting ?? "its position is not known yet")")
        }
        let lag =
            forwarder.waiting.map {
                $0 == 0
                    ? "nothing waits yet"
                    : "\(Counted.entries($0)) wait, the oldest for \(forwarder.waitingSeconds) s"
            } ?? "how far it has got is not known"
        let since =
            forwarder.lastSuccess.map { "got through last at \($0)" }
            ?? "has not got through since the gate's start"
        let error = forwarder.lastError.map { error in
            "; the last error, at \(forwarder.lastErrorTime ?? "an unknown time"): \(UntrustedText.stored(error))"
        }
        return Finding(
            "forwarding", forwarder.isFailing ? .fail : .warn, "\(what) \(since): \(lag)\(error ?? "")",
            fix:
                "check that the receiver is up, reads, and lets this machine in; the ledger keeps what waits, and forwarding "
                + "resumes by itself")
    }
}
