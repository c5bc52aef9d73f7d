// Connections that this machine's own commands have said they are about to make: a check of the listeners, a probe from the
// gate itself. They are recorded as what they are, and count as nobody's call.
package import Admission
import Synchronization

/// Announced over the control socket, by address and port, before the connection is made: nobody outside can have that pair,
/// and nobody without a right to the socket can name one.
package final class OwnConnections: Sendable {
    /// Connections at a time, and how long each is known: longer than a login may take.
    private static let most = 256
    private static let lifetime = Duration.seconds(180)
    /// How long one is known whose end has come: what became of it may still be on its way to the ledger. Then the system may
    /// give its port to somebody else, who is a caller.
    private static let farewell = Duration.seconds(10)

    /// Until when each is known.
    private let known = Mutex<[Endpoint: ContinuousClock.Instant]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.now = now }

    /// Beyond the bound one is forgotten that has ended, or else the oldest.
    package func expect(from endpoint: Endpoint) {
        guard endpoint.port != nil else { return }
        let now = now()
        known.withLock { known in
            known = known.filter { now < $0.value }
            if known.count >= Self.most, let first = known.min(by: { $0.value < $1.value }) {
                known[first.key] = nil
            }
            known[endpoint] = now + Self.lifetime
        }
    }

    /// A receiver has closed a connection, whosever it was.
    package func ended(_ endpoint: Endpoint?) {
        guard let endpoint else { return }
        known.withLock { known in
            guard let until = known[endpoint] else { return }
            known[endpoint] = min(until, now() + Self.farewell)
        }
    }

    func contains(_ endpoint: Endpoint?) -> Bool {
        guard let endpoint else { return false }
        return known.withLock { known in known[endpoint].map { now() < $0 } ?? false }
    }
}
