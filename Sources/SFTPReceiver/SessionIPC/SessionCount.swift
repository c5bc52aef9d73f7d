// How many sessions the daemon has welcomed that have not ended, for /metrics.
import Synchronization

final class SessionCount: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func began() { count.add(1, ordering: .relaxed) }
    func ended() { count.subtract(1, ordering: .relaxed) }
}
