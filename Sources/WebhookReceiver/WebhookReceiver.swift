// The webhook listener as a service: TLS, HTTP/1.1 and HTTP/2, admission before TLS, VSee events into the intake.
// It decides and stores nothing itself; see `GateChannel` (connections), `Reception` (requests), `Clerk` (events).
import Admission
import HummingbirdCore
package import Intake
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
package import Settings

package final class WebhookReceiver: Service {
    private let settings: WebhookSettings
    private let intake: Intake
    private let logger: Logger
    private let bound = BoundPort()
    private let limits: ConnectionLimits

    /// Nothing is opened or read before `run`.
    package init(settings: WebhookSettings, intake: Intake, logger: Logger) {
        self.settings = settings
        self.intake = intake
        self.logger = logger
        limits = ConnectionLimits(total: settings.maxConnections, perSource: settings.maxConnectionsPerSource)
    }

    /// The port that is listened on; waits until that is known. Throws when the listener could not be opened.
    package var port: Int {
        get async throws { try await bound.value }
    }

    /// Connections that are open now, for metrics.
    package var openConnections: Int { limits.open }

    /// Serves until graceful shutdown or cancellation. On graceful shutdown requests in flight are finished.
    /// Throws when certificate and key cannot be used, or the address cannot be listened on.
    package func run() async throws {
        do {
            try await serve()
            bound.fail(CancellationError())
        } catch {
            bound.fail(error)
            throw error
        }
    }

    private func serve() async throws {
        let keeper = try settings.tls.map {
            try CertificateKeeper(settings: $0, health: intake.health, logger: logger)
        }
        let listener = try Listener(
            settings: settings, intake: intake, certificate: keeper, limits: limits, logger: logger)
        let server = Server(
            childChannelSetup: GateChannel(listener: listener, clerk: Clerk(listener: listener)),
            configuration: ServerConfiguration(
                address: .hostname(settings.listen.ip.description, port: Int(settings.listen.port)),
                backlog: 1024),
            onServerRunning: { [bound] channel in bound.succeed(channel.localAddress?.port ?? 0) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let keeper { group.addTask { await keeper.run() } }
            group.addTask { try await server.run() }
            // The keeper ends only when cancelled, so what ends first is the server.
            try await group.next()
            group.cancelAll()
        }
    }
}
