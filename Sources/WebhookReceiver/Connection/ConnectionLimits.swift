// Counts open connections, in total and by source. It decides nothing but "one more, or not".
import Admission
import Synchronization

final class ConnectionLimits: Sendable {
    private struct Counts {
        var total = 0
        var bySource: [IPAddress: Int] = [:]
    }

    private let total: Int
    private let perSource: Int
    private let counts = Mutex(Counts())

    init(total: Int, perSource: Int) {
        self.total = total
        self.perSource = perSource
    }

    /// Takes one of all places; false when none is left.
    func enter() -> Bool {
        counts.withLock {
            guard $0.total < total else { return false }
            $0.total += 1
            return true
        }
    }

    func leave() { counts.withLock { $0.total -= 1 } }

    /// Takes one of this source's places; false when none is left.
    func enter(_ source: IPAddress) -> Bool {
        counts.withLock {
            let open = $0.bySource[source, default: 0]
            guard open < perSource else { return false }
            $0.bySource[source] = open + 1
            return true
        }
    }

    func leave(_ source: IPAddress) {
        counts.withLock {
            let open = $0.bySource[source, default: 0] - 1
            $0.bySource[source] = open > 0 ? open : nil
        }
    }

    /// Open connections now, for tests and metrics.
    var open: Int { counts.withLock { $0.total } }
}
