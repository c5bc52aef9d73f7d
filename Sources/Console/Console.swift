// The console listener: /healthz, /readyz and /metrics for whoever watches the gate, and the API for programs. What is wrong and what
// there is, is told only to who has a token.
import Admission
import Blocking
import HTTPTypes
import Hummingbird
package import Intake
package import JSON
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
    private let services: APIServices?
    private let logger: Logger
    private let details: @Sendable () -> [String: JSONValue]
    private let onBound: @Sendable (Int) -> Void
    /// Its pages look into the ledger and ask filesystems for their room.
    private let executor = BlockingExecutor(label: "console", width: 4)

    /// `onBound` is told the port once the listener is open. Nothing is opened before `run`.
    /// - Parameters:
    ///   - services: what the API asks; nil: there is no API.
    ///   - details: members that `/readyz` tells who has a token, beside the problems. May block.
    package init(
        settings: ConsoleSettings, tokens: TokenBook, intake: Intake, services: APIServices? = nil,
        logger: Logger,
        details: @escaping @Sendable () -> [String: JSONValue] = { [:] },
        onBound: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.settings = settings
        self.tokens = tokens
        self.intake = intake
        self.services = services
        self.logger = logger
        self.details = details
        self.onBound = onBound
    }

    /// Serves until graceful shutdown. Throws when the address cannot be listened on.
    package func run() async throws {
        let (intake, credentials) = (intake, Credentials(tokens: tokens))
        let pages = HealthPages(
            health: intake.health, details: details, accepts: { intake.accepts }, metrics: intake.metrics,
            credentials: credentials)
        let api = services.map {
            API(services: $0, credentials: credentials, intake: intake, pages: pages, logger: logger)
        }
        let onBound = onBound
        let application = Application(
            responder: CallbackResponder<ConsoleContext> { request, context in
                var response: Response
                if let api, request.uri.path == API.root || request.uri.path.hasPrefix(API.root + "/") {
                    response = await api.answer(request, context)
                } else {
                    response = pages.answer(request)
                }
                response.headers.merge(Self.always)
                return response
            },
            server: .http1(
                configuration: .init(
                    idleTimeout: Self.idleTimeout,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.listen.ip.description, port: Int(settings.listen.port))),
            onServerRunning: { channel in onBound(channel.localAddress?.port ?? 0) },
            logger: logger)
        do {
            try await withTaskExecutorPreference(executor) { try await Self.serve(application) }
        } catch let error as IOError {
            throw ListenError("cannot listen on \(settings.listen)", errno: error.errnoCode)
        }
    }

    /// Until the application ends; on graceful shutdown callers that do not read their answers have `farewell`.
    private static func serve(_ application: some ApplicationProtocol) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            group.addTask {
                try? await gracefulShutdown()
                try? await Task.sleep(for: farewell)
            }
            _ = try await group.next()
            group.cancelAll()
        }
    }

    private static let farewell = Duration.seconds(3)
    /// How long a connection may say nothing.
    private static let idleTimeout = TimeAmount.seconds(60)
}

extension Console {
    /// Nothing that it says is kept by anybody on the way, taken for something else, or shown in another site's frame.
    fileprivate static let always: HTTPFields = [
        .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
    ]
}

extension HTTPFields {
    fileprivate mutating func merge(_ others: HTTPFields) {
        for field in others { self[field.name] = field.value }
    }
}
