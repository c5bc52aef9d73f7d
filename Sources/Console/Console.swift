// The console's listener: /healthz, /readyz and /metrics for whoever watches the gate, the API for programs, and pages for people. What
// is wrong and what there is, is told only to who has a token.
import Admission
import Blocking
import HTTPTypes
import Hummingbird
import HummingbirdCore
package import Intake
package import JSON
import Ledger
import ListenerTLS
package import Logging
package import Management
import NIOCore
import ServiceLifecycle
package import Settings
import Sockets

package final class Console: Service {
    private let settings: ConsoleSettings
    private let tokens: TokenBook
    private let intake: Intake
    private let services: ConsoleServices?
    private let logger: Logger
    private let certificateAge: Duration
    private let details: @Sendable () -> [String: JSONValue]
    private let onBound: @Sendable (Int) -> Void
    /// Its answers look into the ledger and ask filesystems for their room. Connections are served elsewhere, and so is `/healthz`: the
    /// process answers, whatever the others wait for.
    private let executor = BlockingExecutor(label: "console", width: 4)

    /// `onBound` is told the port once the listener is open. Nothing is opened before `run`.
    /// - Parameters:
    ///   - services: what the API and the pages ask; nil: there are neither.
    ///   - certificateAge: how long a connection takes requests, and streams go on, whose caller has shown a certificate.
    ///   - details: members that `/readyz` tells who has a token, beside the problems. May block.
    package init(
        settings: ConsoleSettings, tokens: TokenBook, intake: Intake, services: ConsoleServices? = nil,
        logger: Logger, certificateAge: Duration = .seconds(300),
        details: @escaping @Sendable () -> [String: JSONValue] = { [:] },
        onBound: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.settings = settings
        self.tokens = tokens
        self.intake = intake
        self.services = services
        self.logger = logger
        self.certificateAge = certificateAge
        self.details = details
        self.onBound = onBound
    }

    /// Serves until graceful shutdown. Throws when the address cannot be listened on.
    package func run() async throws {
        let certificate = try settings.tls.map {
            try CertificateReloader(
                "console", problem: .consoleCertificate, expiryProblem: .consoleCertificateExpired,
                protocols: ["http/1.1"], settings: $0, health: intake.health, logger: logger)
        }
        certificate?.addMetric(to: intake.metrics)
        let faces = try faces()
        let (onBound, executor) = (onBound, executor)
        let application = Application(
            responder: CallbackResponder<ConsoleContext> { request, context in
                var response = await faces.answer(request, context, on: executor)
                for field in Self.always where response.headers[field.name] == nil {
                    response.headers[field.name] = field.value
                }
                // Refusals, too: the caller would take a body for the beginning of its next answer (RFC 9110, 9.3.2).
                guard request.method == .head else { return response }
                return Response(status: response.status, headers: response.headers, body: .notSent)
            },
            server: server(certificate),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.listen.ip.description, port: Int(settings.listen.port)),
                availableConnectionsDelegate: .maximum(ConsoleSettings.mostConnections, logger: logger)),
            onServerRunning: { channel in onBound(channel.localAddress?.port ?? 0) },
            logger: logger)
        // Nothing looks into the ledger when this has ended.
        let served = await Result.of { try await Self.serve(application, certificate) }
        await faces.beside?.end()
        do { try served.get() } catch let error as IOError {
            throw ListenError("cannot listen on \(settings.listen)", errno: error.errnoCode)
        }
    }

    /// What answers: the health pages, the API, and the pages for people.
    private struct Faces: Sendable {
        let health: HealthPages
        let api: API?
        let pages: Pages?
        let beside: Beside?

        /// - Parameter executor: does what may block.
        func answer(
            _ request: Request, _ context: ConsoleContext, on executor: BlockingExecutor
        ) async -> Response {
            if request.uri.path == HealthPages.alive { return health.answer(request, from: context.peer) }
            var response = await withTaskExecutorPreference(executor) { await answer(request, context) }
            // One that is written piece by piece looks into the ledger, or reads a file, meanwhile.
            if response.body.contentLength == nil { response.body = response.body.written(on: executor) }
            return response
        }

        private func answer(_ request: Request, _ context: ConsoleContext) async -> Response {
            let path = request.uri.path
            if let api, path == API.root || path.hasPrefix(API.root + "/") {
                return await api.answer(request, context)
            }
            return await pages?.answer(request, context) ?? health.answer(request, from: context.peer)
        }
    }

    private func faces() throws -> Faces {
        let (intake, credentials) = (intake, Credentials(tokens: tokens, isSecure: settings.tls != nil))
        let health = HealthPages(intake: intake, details: details, credentials: credentials)
        guard let services else { return Faces(health: health, api: nil, pages: nil, beside: nil) }
        let (jobs, watch, streams, entries) = (
            Jobs(logger: logger), GateWatch(services), StreamPlaces(), EntryLimit()
        )
        let failures = FailureLog()
        let beside = Beside(jobs: jobs, watch: watch, activity: services.activity)
        return Faces(
            health: health,
            api: API(
                services: services, credentials: credentials, intake: intake, health: health, watch: watch,
                jobs: jobs, streams: streams, entries: entries, logger: logger, failures: failures),
            pages: Pages(
                services: services, credentials: credentials, intake: intake, logger: logger,
                templates: try Templates(), watch: watch, jobs: jobs, streams: streams,
                entries: entries, failures: failures), beside: beside)
    }

    /// What goes on beside the answers.
    private struct Beside: Sendable {
        let jobs: Jobs
        let watch: GateWatch
        let activity: Activity

        /// Returns when nothing does any more.
        func end() async {
            await jobs.end()
            await watch.end()
            await activity.end()
        }
    }

    /// Until the application ends; on graceful shutdown callers that do not read their answers have `farewell`.
    private static func serve(
        _ application: some ApplicationProtocol, _ certificate: CertificateReloader?
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            group.addTask {
                await withTaskGroup(of: Void.self) { beside in
                    if let certificate { beside.addTask { await certificate.run() } }
                    try? await gracefulShutdown()
                    try? await Task.sleep(for: farewell)
                    beside.cancelAll()
                }
            }
            _ = try await group.next()
            group.cancelAll()
        }
    }

    private func server(_ certificate: CertificateReloader?) -> HTTPServerBuilder {
        let (intake, places, certificateAge) = (intake, ConnectionPlaces(), certificateAge)
        return HTTPServerBuilder { responder in
            ConsoleChannel(
                base: HTTP1Channel(
                    responder: responder,
                    configuration: .init(
                        additionalChannelHandlers: [RequestMarks()],
                        idleTimeout: Self.idleTimeout,
                        httpDecoderConfiguration: .init(
                            maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10,
                            maxHeaderFieldCount: 100))),
                certificate: certificate, places: places, certificateAge: certificateAge
            ) { reason, peer, detail in
                var attempt = Attempt(
                    kind: .connection, channel: .console, verdict: .rejected, reason: reason)
                attempt.source = peer
                attempt.detail = detail
                intake.note(attempt)
            }
        }
    }

    private static let farewell = Duration.seconds(3)
    /// How long a connection may say nothing.
    private static let idleTimeout = TimeAmount.seconds(60)
}

extension ResponseBody {
    fileprivate func written(on executor: BlockingExecutor) -> ResponseBody {
        ResponseBody { writer in
            try await withTaskExecutorPreference(executor) { try await self.write(writer) }
        }
    }
}

extension Console {
    /// Nothing that it says is kept by anybody on the way, taken for something else, or shown in another site's frame.
    fileprivate static let always: HTTPFields = [
        .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
    ]
}
