// Why a request to the API was not done: problem details (RFC 9457), and what the ledger is told of it.
import Admission
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Management
import NIOCore

struct Problem: Error, Sendable {
    let status: HTTPResponse.Status
    /// For programs: one of the words that the API's description lists.
    let code: String
    /// For people: what is wrong, and what to do.
    let detail: String
    var headers: HTTPFields = [:]
    /// For the ledger; nil: it is nothing that somebody was kept from.
    var reason: Reason?
    /// For the gate's log: what the caller is not told. nil: it is told all.
    private(set) var logged: String?

    init(_ status: HTTPResponse.Status, _ code: String, _ detail: String, reason: Reason? = nil) {
        self.status = status
        self.code = code
        self.detail = detail
        self.reason = reason
    }

    static let notFound = Problem(
        .notFound, "not_found",
        "there is nothing under this path; GET /api/v1/openapi.json describes what there is")

    static func notAllowed(_ methods: String) -> Problem {
        var problem = Problem(.methodNotAllowed, "method_not_allowed", "this path takes \(methods)")
        problem.headers[.allow] = methods
        return problem
    }

    static func badParameter(_ parameter: Parameter, _ what: String) -> Problem {
        Problem(.badRequest, "bad_parameter", "\(parameter.name): \(what)")
    }

    static var unauthorized: Problem {
        var problem = Problem(
            .unauthorized, "unauthorized",
            "a valid token of the console is needed: Authorization: Bearer …; `dropgate token add` makes one",
            reason: .authFailed)
        problem.headers[.wwwAuthenticate] = "Bearer"
        return problem
    }

    static func forbidden(_ role: TokenRole) -> Problem {
        Problem(
            .forbidden, "forbidden", "a token of the role \(role.rawValue) may not do this",
            reason: .forbiddenOperation)
    }

    static let formKey = Problem(
        .forbidden, "form_key",
        "the form key of your session is missing or wrong; load the page again, and send the form from there",
        reason: .forbiddenOperation)

    /// Of an error that a service has thrown.
    init(_ error: any Error) {
        if let problem = error as? Problem {
            self = problem
            return
        }
        let known = ManagementError.of(error)
        let text = known.map { Self.detail($0) } ?? Self.failed
        switch known?.code {
        case .refused: self.init(.conflict, "refused", text)
        case .invalid: self.init(.badRequest, "bad_parameter", text)
        case .unavailable:
            self.init(.serviceUnavailable, "try_later", text)
            headers[.retryAfter] = known?.retryAfter.map { "\($0)" }
            logged = text == known?.description ? nil : known?.description
        case .configuration:
            // Whoever keeps the gate has to mend it first.
            self.init(.serviceUnavailable, "try_later", text)
            headers[.retryAfter] = "60"
            logged = known?.description
        case .internalError, .notAsSigned, nil:
            self.init(.internalServerError, "internal", text)
            logged = known?.description ?? "\(error)"
        }
    }

    private static let failed = "something failed in the gate; its log says what"

    /// What a caller reads of an error. Why something failed, cannot be done now, or has to be mended first, names files of the gate's
    /// machine as a rule, and those are for whoever keeps it: only what is known to name none is told.
    private static func detail(_ error: ManagementError) -> String {
        switch error.code {
        case .internalError where (error.cause as? IntakeError)?.isHalfDone == true: error.description
        case .unavailable where !namesNoFile(error.cause): "the gate cannot do this now; try again later"
        case .configuration:
            "something on the gate's machine has to be fixed first: run `dropgate doctor` there"
        case .internalError, .notAsSigned: failed
        case .refused, .invalid, .unavailable: error.description
        }
    }

    /// Whether the text of an error with this cause names no file of the gate's machine: somebody else decides on a drop, or too much
    /// waits to be written.
    private static func namesNoFile(_ cause: (any Error)?) -> Bool {
        guard let error = cause as? IntakeError else { return false }
        return error.code == .forbiddenOperation || error.code == .rateLimited
    }

    var response: Response {
        let body: JSONValue = [
            "title": .string(status.reasonPhrase), "status": .int(Int64(status.code)), "code": .string(code),
            "detail": .string(String(detail.prefix(1024))),
        ]
        var headers = headers
        headers[.contentType] = "application/problem+json"
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: CanonicalJSON.encode(body) + [0x0A])))
    }
}
