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

    private let known = Mutex<[Endpoint: ContinuousClock.Instant]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.now = now }

    /// Beyond the bound the oldest is forgotten.
    package func expect(from endpoint: Endpoint) {
        guard endpoint.port != nil else { return }
        let now = now()
        known.withLock { known in
            known = known.filter { now - $0.value < Self.lifetime }
            if known.count >= Self.most, let oldest = known.min(by: { $0.value < $1.value }) {
                known[oldest.key] = nil
            }
            known[endpoint] = now
        }
    }

    func contains(_ endpoint: Endpoint?) -> Bool {
        guard let endpoint else { return false }
        return known.withLock { known in known[endpoint].map { now() - $0 < Self.lifetime } ?? false }
    }
}
