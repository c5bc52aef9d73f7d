// The API under /api/v1: finds what a request is for, who asks and whether they may, and has a service answer. What it takes and
// gives is described by `OpenAPIDocument`.
import Admission
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Ledger
import Logging
package import Management
import NIOCore
package import Settings
import Synchronization
import TLS

/// What the API asks.
package struct APIServices: Sendable {
    let settings: GateSettings
    let authority: any GateAuthority
    let drops: DropService
    let sources: SourceService
    let ledger: LedgerService

    /// - Parameter authority: the running gate's own.
    package init(_ settings: GateSettings, authority: any GateAuthority) {
        self.settings = settings
        self.authority = authority
        drops = DropService(settings)
        sources = SourceService(settings)
        ledger = LedgerService(settings)
    }

    /// For one request: nothing holds the ledger open when the gate stops, or its log would stay beside it. Throws `LedgerError`.
    func attempts() throws -> AttemptService { try AttemptService(settings) }
}

struct API: Sendable {
    static let root = "/api/v1"

    let services: APIServices
    let credentials: Credentials
    let intake: Intake
    let pages: HealthPages
    let streams = StreamPlaces()
    let logger: Logger

    /// One request, and who makes it.
    struct Call {
        let request: Request
        let caller: TokenBook.Holder
        let peer: Endpoint?
        var parameters: QueryParameters

        /// - Parameter comment: what they say about it.
        func attribution(_ comment: String? = nil) throws(ManagementError) -> Attribution {
            try Attribution(
                .token(name: caller.name, role: caller.role, address: peer?.ip), comment: comment)
        }
    }

    /// What one path is for, by method.
    enum Route {
        case description
        case get(Permission, (API, Call) async throws -> Response)
        case post(Permission, (API, Call) async throws -> Response)

        var methods: String {
            switch self {
            case .description, .get: "GET, HEAD"
            case .post: "POST"
            }
        }

        func takes(_ method: HTTPRequest.Method) -> Bool {
            switch self {
            case .description, .get: method == .get || method == .head
            case .post: method == .post
            }
        }
    }

    func answer(_ request: Request, _ context: ConsoleContext) async -> Response {
        do {
            try Self.checkOrigin(request)
            var response = try await routed(request, context)
            if request.method == .head { response = response.createHeadResponse() }
            return response
        } catch {
            let problem = Problem(error)
            if problem.status == .internalServerError { logger.error("the API: \(problem.detail)") }
            note(problem, request, context)
            return problem.response
        }
    }

    /// What a page of another site has a browser send is not answered, whatever it carries.
    private static func checkOrigin(_ request: Request) throws(Problem) {
        guard let origin = request.headers[.origin] else { return }
        let place = origin.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init)
        guard let host = request.head.authority, place == host else {
            throw Problem(
                .forbidden, "cross_origin", "a page of another site may not ask", reason: .forbiddenOperation)
        }
    }

    private func routed(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        let path = request.uri.path.dropFirst(Self.root.count).split(
            separator: "/", omittingEmptySubsequences: false
        ).dropFirst().map(String.init)
        let route = Self.route(path)
        if case .description? = route {
            guard route?.takes(request.method) == true else { throw Problem.notAllowed("GET, HEAD") }
            return Self.json(OpenAPIDocument.bytes, for: request)
        }
        guard let caller = credentials.holder(in: request.headers) else { throw Self.unauthorized }
        guard let route else { throw Problem.notFound }
        guard route.takes(request.method) else { throw Problem.notAllowed(route.methods) }
        switch route {
        case .description: throw Problem.notFound
        case .get(let permission, let body), .post(let permission, let body):
            guard caller.role.may(permission) else { throw Self.forbidden(caller.role) }
            let call = Call(
                request: request, caller: caller, peer: context.peer,
                parameters: try QueryParameters(request.uri.query))
            return try await body(self, call)
        }
    }

    private static func route(_ path: [String]) -> Route? {
        switch (path.first, path.count) {
        case ("openapi.json", 1): .description
        case ("status", 1): .get(.status) { try $0.status($1) }
        case ("attempts", 1): .get(.readAttempts) { try $0.attempts($1) }
        case ("attempts", 2) where path[1] == "stream": .get(.readAttempts) { try await $0.attemptStream($1) }
        case ("attempts", 2): .get(.readAttempts) { try $0.attempt(path[1], $1) }
        case ("attempts", 3) where path[2] == "proof":
            .get(.readAttempts) { try await $0.proof(path[1], $1) }
        case ("ledger", 2) where path[1] == "checkpoint": .get(.readAttempts) { try $0.checkpoint($1) }
        case ("ledger", 2) where path[1] == "keys": .get(.readAttempts) { try $0.keys($1) }
        case ("sources", 1): .get(.readSources) { try $0.sources($1) }
        case ("sources", 2) where path[1] == "explain": .get(.readSources) { try $0.explain($1) }
        case ("drops", 1): .get(.readDrops) { try $0.drops($1) }
        case ("drops", 2) where path[1] == "stream": .get(.readDrops) { try await $0.dropStream($1) }
        case ("drops", 2): .get(.readDrops) { try $0.drop(path[1], $1) }
        case ("drops", 3) where path[2] == "content":
            .get(.readContent) { try await $0.content(path[1], $1) }
        case ("drops", 3) where path[2] == "acknowledge":
            .post(.acknowledge) { try await $0.acknowledge(path[1], $1) }
        case ("drops", 3) where path[2] == "release":
            .post(.releaseHeld) { try await $0.release(path[1], $1) }
        default: nil
        }
    }

    // MARK: Refusals

    private static var unauthorized: Problem {
        var problem = Problem(
            .unauthorized, "unauthorized",
            "a good token of the console is needed: Authorization: Bearer …; `dropgate token add` makes one",
            reason: .authFailed)
        problem.headers[.wwwAuthenticate] = "Bearer"
        return problem
    }

    private static func forbidden(_ role: TokenRole) -> Problem {
        Problem(
            .forbidden, "forbidden", "a token of the role \(role.rawValue) may not do this",
            reason: .forbiddenOperation)
    }

    /// Who was kept from something is an entry; a flood of it is few.
    private func note(_ problem: Problem, _ request: Request, _ context: ConsoleContext) {
        guard let reason = problem.reason else { return }
        var attempt = Attempt(kind: .request, channel: .console, verdict: .rejected, reason: reason)
        attempt.source = context.peer
        attempt.request = RequestFacts(
            method: UntrustedText.head(request.method.rawValue, limit: 20),
            path: UntrustedText.head(request.uri.path, limit: 200), status: Int(problem.status.code))
        attempt.detail["message"] = .string(problem.code)
        intake.note(attempt)
    }

    // MARK: Answers

    /// A body with its entity tag; 304 where the caller has it (RFC 9110, 8.8.3 and 13.1.2).
    private static func body(_ body: [UInt8], _ type: String, for request: Request) -> Response {
        let tag = "\"\(SHA256.hash(data: body).hex.prefix(32))\""
        let known = request.headers[values: .ifNoneMatch].joined(separator: ",").split(separator: ",")
        if known.contains(where: { $0.trimmingPrefix(while: \.isWhitespace) == tag }) {
            return Response(status: .notModified, headers: [.eTag: tag])
        }
        return Response(
            status: .ok, headers: [.contentType: type, .eTag: tag],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    static func json(_ body: [UInt8], for request: Request) -> Response {
        Self.body(body, "application/json", for: request)
    }

    static func text(_ text: String, for request: Request) -> Response {
        body(Array(text.utf8), "text/plain; charset=utf-8", for: request)
    }

    static func json(_ value: JSONValue, for request: Request) -> Response {
        json(CanonicalJSON.encode(value) + [0x0A], for: request)
    }
}

/// How many streams there are: each keeps a connection and looks into the ledger.
final class StreamPlaces: Sendable {
    static let most = 64
    private let taken = Mutex(0)

    func take() -> Bool {
        taken.withLock { taken in
            guard taken < Self.most else { return false }
            taken += 1
            return true
        }
    }

    func giveBack() { taken.withLock { $0 -= 1 } }
}
