// The console listener: /healthz, /readyz and /metrics for whoever watches the gate. It changes nothing and shows no patient
// data; what is wrong is told only to who has the token.
import Admission
import Blocking
import Hummingbird
package import Intake
package import JSON
package import Logging
import NIOCore
import ServiceLifecycle
package import Settings
import Sockets

package final class Console: Service {
    private let settings: ConsoleSettings
    private let intake: Intake
    private let logger: Logger
    private let details: @Sendable () -> [String: JSONValue]
    private let onBound: @Sendable (Int) -> Void
    /// Its pages look into the ledger and ask filesystems for their room.
    private let executor = BlockingExecutor(label: "console", width: 4)

    /// `onBound` is told the port once the listener is open. Nothing is opened before `run`.
    /// - Parameter details: members that `/readyz` tells who has the token, beside the problems. May block.
    package init(
        settings: ConsoleSettings, intake: Intake, logger: Logger,
        details: @escaping @Sendable () -> [String: JSONValue] = { [:] },
        onBound: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.settings = settings
        self.intake = intake
        self.logger = logger
        self.details = details
        self.onBound = onBound
    }

    /// Serves until graceful shutdown. Throws when the address cannot be listened on.
    package func run() async throws {
        let intake = intake
        let pages = HealthPages(
            health: intake.health, details: details, accepts: { intake.accepts }, metrics: intake.metrics,
            token: BearerToken(settings.token))
        let onBound = onBound
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { request, _ in pages.answer(request) },
            configuration: ApplicationConfiguration(
                address: .hostname(settings.listen.ip.description, port: Int(settings.listen.port))),
            onServerRunning: { channel in onBound(channel.localAddress?.port ?? 0) },
            logger: logger)
        do {
            try await withTaskExecutorPreference(executor) { try await application.run() }
        } catch let error as IOError {
            throw ListenError("cannot listen on \(settings.listen)", errno: error.errnoCode)
        }
    }
}
