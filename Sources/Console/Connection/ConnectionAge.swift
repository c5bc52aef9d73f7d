// How long a connection goes on whose caller has shown a certificate. Authorities are replaced, and certificates expire: what has
// been allowed to one is asked again soon, as for sessions that are resumed (`TLSContext`).
import Synchronization

final class ConnectionAge: Sendable {
    /// Of the connection that the present request came on.
    @TaskLocal static var current: ConnectionAge?

    private let most: Duration
    private let shown = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameter most: after the certificate was shown.
    init(most: Duration) { self.most = most }

    /// The caller has shown a certificate.
    func begin() { shown.withLock { $0 = ContinuousClock.now } }

    /// Without a certificate a connection has no age.
    var isCounted: Bool { shown.withLock { $0 != nil } }

    /// No request is taken behind the present one, and no stream goes on: the caller is to show its certificate again.
    var isOver: Bool {
        guard let begun = shown.withLock({ $0 }) else { return false }
        return begun.duration(to: ContinuousClock.now) >= most
    }
}
