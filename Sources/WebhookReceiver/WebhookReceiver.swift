// The webhook listener as a service: TLS, HTTP/1.1 and HTTP/2, admission before TLS, VSee events into the intake.
// It decides and stores nothing itself; see `GateChannel` (connections), `RequestValidator` (requests), `RequestProcessor` (events).
import Admission
package import Intake
import ListenerTLS
package import Logging
import Metering
import ServiceLifecycle
package import Settings
import Sockets

package final class WebhookReceiver: Service {
    private let settings: WebhookSettings
    private let intake: Intake
    private let logger: Logger
    private let certificateAge: Duration
    private let bound = BoundPort()
    private let connections: OpenConnections

    /// Nothing is opened or read before `run`.
    /// - Parameter certificateAge: how long a connection takes requests whose caller has shown a certificate.
    package init(
        settings: WebhookSettings, intake: Intake, logger: Logger, certificateAge: Duration = .seconds(300)
    ) {
        self.settings = settings
        self.certificateAge = certificateAge
        self.intake = intake
        self.logger = logger
        connections = OpenConnections(
            total: settings.maxConnections, perSource: settings.maxConnectionsPerSource)
    }

    /// The port that is listened on; waits until that is known. Throws when the listener could not be opened.
    package var port: Int {
        get async throws { try await bound.value }
    }

    /// Connections that are open now, for metrics.
    package var openConnections: Int { connections.open }

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
        let reloader = try settings.tls.map {
            try CertificateReloader(
                "webhook", problem: .certificate, expiryProblem: .certificateExpired,
                protocols: ["h2", "http/1.1"], settings: $0, health: intake.health, logger: logger)
        }
        addMetrics(reloader)
        let listener = try WebhookListener(
            settings: settings, intake: intake, certificate: reloader, connections: connections,
            logger: logger, certificateAge: certificateAge)
        let listen = settings.listen
        let socket = try AcceptingSocket.tcp(Endpoint(ip: listen.ip, port: listen.port))
        bound.succeed(Int(socket.port ?? listen.port))
        let loops = EventLoops(listener)
        let gate = GateChannel(listener: listener, loops: loops)
        let acceptance = socket.accept(
            label: "webhook accept", take: { gate.arrived($0, from: $1) },
            turnAway: { gate.turnAway($0, from: $1) })
        await withTaskGroup(of: Void.self) { group in
            if let reloader { group.addTask { await reloader.run() } }
            await untilStopped()
            await acceptance.end()
            connections.quiesce()
            await withTaskCancellationHandler {
                await connections.areGone()
            } onCancel: {
                connections.close()
            }
            group.cancelAll()
        }
        await loops.shutDown()
    }

    private func addMetrics(_ reloader: CertificateReloader?) {
        let connections = connections
        intake.metrics.add("dropgate_webhook_connections", "Connections of webhooks that are open.") {
            [MetricRegistry.Reading(connections.open)]
        }
        reloader?.addMetric(to: intake.metrics)
    }

    /// Returns on graceful shutdown, and when the task is cancelled.
    private func untilStopped() async {
        let (stopped, stop) = AsyncStream.makeStream(of: Void.self)
        await withGracefulShutdownHandler {
            for await _ in stopped {}
        } onGracefulShutdown: {
            stop.finish()
        }
    }
}
