// The API under /api/v1: finds what a request is for, who asks and whether they may, and has a service answer. What it takes and
// gives is declared in `operations`.
import Admission
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Ledger
import Logging
import Management
import NIOCore
import TLS

struct API: Sendable {
    static let root = "/api/v1"

    let services: ConsoleServices
    let credentials: Credentials
    let intake: Intake
    let health: HealthPages
    let watch: GateWatch
    let jobs: Jobs
    let streams: StreamPlaces
    let entries: EntryLimit
    let logger: Logger
    let failures: FailureLog

    /// One request, and who makes it.
    struct Call: Sendable {
        let request: Request
        /// nil: somebody without a token, at an operation that needs none.
        let caller: Caller?
        let peer: Endpoint?
        let age: ConnectionAge?
        let parameters: Parameters

        /// - Parameter comment: what they say about it.
        func attribution(_ comment: String? = nil) throws -> Attribution {
            guard let caller else { throw Problem.unauthorized }
            return try Attribution(caller.principal(from: peer), comment: comment)
        }
    }

    func answer(_ request: Request, _ context: ConsoleContext) async -> Response {
        do {
            try SameSite.check(request)
            return try await routed(request, context)
        } catch {
            let problem = Problem(error)
            failures.tell(problem, to: logger)
            intake.note(problem, of: request, from: context.peer)
            return problem.response
        }
    }

    private func routed(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        let path = request.uri.path.dropFirst(Self.root.count + 1).split(
            separator: "/", omittingEmptySubsequences: false)
        let found = Self.operations.lazy.compactMap { operation in
            operation.values(in: path).map { (operation, $0) }
        }.first
        let caller = credentials.caller(in: request.headers)
        // Who has no token is not told which paths there are.
        guard caller != nil || found.map({ $0.0.permission == nil }) == true else {
            throw Problem.unauthorized
        }
        guard let (operation, values) = found else { throw Problem.notFound }
        guard operation.takes(request.method) else { throw Problem.notAllowed(operation.methods) }
        if let permission = operation.permission, let caller, !caller.may(permission) {
            throw Problem.forbidden(caller.role)
        }
        // A browser sends its cookie along with what it is made to send.
        if operation.isChange, let session = caller?.session,
            !Credentials.isFormKey(request.headers[.formKey], of: session)
        {
            throw Problem.formKey
        }
        let call = Call(
            request: request, caller: caller, peer: context.peer, age: context.age,
            parameters: try Parameters(request.uri.query, operation.parameters, path: values))
        var response = try await operation.run(self, call)
        if operation.success == 202 { response.status = .accepted }
        return response
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
