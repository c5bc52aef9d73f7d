// What all connections of one webhook listener share. Immutable, but for the counters and the certificate it holds.
import Admission
import Intake
import ListenerTLS
import Logging
import NIOCore
import Settings

final class WebhookListener: Sendable {
    let settings: WebhookSettings
    let intake: Intake
    let resolver: AddressResolver
    let routes: Routes
    let checks: CredentialChecks
    let connections: OpenConnections
    let budget: BodyBudget
    let date = DateLine()
    let figures: RequestFigures
    /// Nil: plain HTTP/1.1.
    let certificate: CertificateReloader?
    let logger: Logger
    /// How long a connection goes on whose caller has shown a certificate. Authorities are replaced, and certificates
    /// expire: what has been allowed to one is asked again soon, as for sessions that are resumed (`TLSContext`).
    let certificateAge: TimeAmount

    init(
        settings: WebhookSettings, intake: Intake, certificate: CertificateReloader?,
        connections: OpenConnections, logger: Logger, certificateAge: Duration
    ) throws {
        self.certificateAge = TimeAmount(bounded: certificateAge)
        self.settings = settings
        self.intake = intake
        self.certificate = certificate
        self.connections = connections
        self.logger = logger
        resolver = try AddressResolver(
            mode: settings.address.mode, trustedProxies: settings.address.trustedProxies)
        routes = Routes(
            path: settings.path, health: settings.healthPath, secret: settings.checks.pathSecret)
        checks = CredentialChecks(settings.checks)
        budget = BodyBudget(largestBody: settings.maxBody)
        figures = RequestFigures(intake.metrics)
    }

    /// Whether the source comes from request headers, request by request.
    var isForwarded: Bool { resolver.mode.requestHeader != nil }
}
