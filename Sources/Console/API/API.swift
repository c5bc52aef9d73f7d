// The API under /api/v1: finds what a request is for, who asks and whether they may, and has a service answer. What it takes and
// gives is declared in `operations`.
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
    struct Call: Sendable {
        let request: Request
        /// nil: somebody without a token, at an operation that needs none.
        let caller: TokenBook.Holder?
        let peer: Endpoint?
        let parameters: Parameters

        /// - Parameter comment: what they say about it.
        func attribution(_ comment: String? = nil) throws -> Attribution {
            guard let caller else { throw API.unauthorized }
            return try Attribution(
                .token(name: caller.name, role: caller.role, address: peer?.ip), comment: comment)
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
        let path = request.uri.path.dropFirst(Self.root.count + 1).split(
            separator: "/", omittingEmptySubsequences: false)
        let found = Self.operations.lazy.compactMap { operation in
            operation.values(in: path).map { (operation, $0) }
        }.first
        let caller = credentials.holder(in: request.headers)
        // Who has no token is not told which paths there are.
        guard caller != nil || found.map({ $0.0.permission == nil }) == true else { throw Self.unauthorized }
        guard let (operation, values) = found else { throw Problem.notFound }
        guard operation.takes(request.method) else { throw Problem.notAllowed(operation.methods) }
        if let permission = operation.permission, let caller, !caller.role.may(permission) {
            throw Self.forbidden(caller.role)
        }
        let call = Call(
            request: request, caller: caller, peer: context.peer,
            parameters: try Parameters(request.uri.query, operation.parameters, path: values))
        return try await operation.run(self, call)
    }

    // MARK: Refusals

    fileprivate static var unauthorized: Problem {
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
        var response = Response(
            status: .ok, headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
        // What a change has come to is said, whatever the caller has (13.1.2).
        guard request.method == .get || request.method == .head else { return response }
        let tag = "\"\(SHA256.hash(data: body).hex.prefix(32))\""
        let known = request.headers[values: .ifNoneMatch].joined(separator: ",").split(separator: ",")
        if known.contains(where: { $0.trimmingPrefix(while: \.isWhitespace) == tag }) {
            return Response(status: .notModified, headers: [.eTag: tag])
        }
        response.headers[.eTag] = tag
        return response
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

/// How many streams there are: each keeps a connection and looks into the ledger. One caller's leave room for others.
final class StreamPlaces: Sendable {
    static let most = 64
    static let mostOfOne = 16
    private let taken = Mutex<[String: Int]>([:])

    /// One stream's place, until it is let go of, whatever becomes of its answer.
    final class Place: Sendable {
        private let places: StreamPlaces
        private let holder: String

        fileprivate init(_ places: StreamPlaces, _ holder: String) {
            self.places = places
            self.holder = holder
        }

        deinit { places.giveBack(holder) }
    }

    /// nil: there is none, or none for this holder of a token.
    func place(for holder: String) -> Place? {
        taken.withLock { taken in
            guard taken.values.reduce(0, +) < Self.most, taken[holder, default: 0] < Self.mostOfOne else {
                return nil
            }
            taken[holder, default: 0] += 1
            return Place(self, holder)
        }
    }

    private func giveBack(_ holder: String) {
        taken.withLock { taken in
            taken[holder, default: 1] -= 1
            if taken[holder] == 0 { taken[holder] = nil }
        }
    }
}
