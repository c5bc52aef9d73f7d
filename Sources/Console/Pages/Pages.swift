// The console's pages: finds what a request is for, who asks and whether they may, and has a page answer.
import Admission
import HTTPTypes
import Hummingbird
import Intake
import Logging
import Management
import NIOCore
import Settings
import TLS

struct Pages: Sendable {
    let services: ConsoleServices
    let credentials: Credentials
    let intake: Intake
    let logger: Logger
    let templates: Templates
    let watch: GateWatch
    let jobs: Jobs
    let streams: StreamPlaces
    let entries: EntryLimit
    let failures: FailureLog
    let logins = LoginLimit()

    /// nil: the path is no page's.
    func answer(_ request: Request, _ context: ConsoleContext) async -> Response? {
        guard let answer = route(request, context) else { return nil }
        var response: Response
        do {
            try SameSite.check(request)
            response = try await answer()
        } catch {
            let problem = Problem(error)
            failures.tell(problem, to: logger)
            intake.note(problem, of: request, from: context.peer)
            response = page(of: problem, request)
        }
        response.headers[.contentSecurityPolicy] = response.headers[.contentSecurityPolicy] ?? Self.policy
        response.headers[.referrerPolicy] = "same-origin"
        return response
    }

    /// Its own style and script, its own forms, and nothing of anybody else's.
    private static let policy = """
        default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
        base-uri 'none'; frame-ancestors 'none'
        """

    // MARK: Routes

    private typealias Answer = () async throws -> Response

    private func route(_ request: Request, _ context: ConsoleContext) -> Answer? {
        let path = request.uri.path.dropFirst()
        if let asset = Asset.all[String(path)] { return { try asset.response(to: request) } }
        switch path {
        case "login": return { try await self.login(request, context) }
        case "logout": return { try await self.logout(request, context) }
        default: break
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let found = Self.all.compactMap { page in
            PathPattern.values(of: page.path, in: parts).map { (page, $0) }
        }
        guard !found.isEmpty else { return nil }
        return { try await self.visit(found, request, context) }
    }

    private func visit(
        _ found: [(page: Page, values: [String: String])], _ request: Request, _ context: ConsoleContext
    ) async throws -> Response {
        // The path of more than one may fit.
        let answering = found.first { $0.page.takes(request.method) }
        let isUse = answering?.page.isUse ?? true
        guard let caller = credentials.caller(in: request.headers, isUse: isUse), let session = caller.session
        else {
            // What a form was to change is not sent again: its page is asked for anew.
            let next = request.method == .post ? nil : request.uri.string
            return Self.redirect(to: "/login" + Self.query(["next": next]))
        }
        guard let (page, values) = answering else {
            throw Problem.notAllowed(found.map(\.page.method.rawValue).joined(separator: ", "))
        }
        guard caller.may(page.permission) else { throw Problem.forbidden(caller.role) }
        var query = request.uri.query
        var known = page.parameters
        if page.method == .post {
            query = try await Self.form(of: request)
            known.append(.formKey)
        }
        let parameters = try Parameters(query, known, path: values, isForm: true)
        if page.method == .post {
            guard Credentials.isFormKey(try parameters.text(.formKey), of: session) else {
                throw Problem.formKey
            }
        }
        return try await page.run(
            self,
            Visit(
                request: request, caller: caller, session: session, peer: context.peer, age: context.age,
                parameters: parameters))
    }

    private static let longestForm = 128 << 10

    /// What a form sends (`application/x-www-form-urlencoded`).
    static func form(of request: Request) async throws(Problem) -> String {
        let body = try await request.wholeBody(
            most: longestForm, "a form has \(longestForm) bytes at most")
        let type = request.headers[.contentType]?.split(separator: ";").first?.lowercased()
        guard type == "application/x-www-form-urlencoded" else {
            throw Problem(.unsupportedMediaType, "unsupported_media_type", "a form is sent as browsers do")
        }
        return String(decoding: body.readableBytesView, as: UTF8.self)
    }

    // MARK: Answers

    func frame(_ title: String, _ visit: Visit) -> Frame {
        frame(
            title, caller: visit.caller, path: visit.request.uri.path,
            notice: credentials.sessions.takeNotice(of: visit.session))
    }

    private func frame(_ title: String, caller: Caller?, path: String, notice: String? = nil) -> Frame {
        Frame(
            title: title, node: services.settings.node, version: Product.version, person: caller?.name,
            role: caller?.role.rawValue, formKey: caller?.session?.formKey,
            links: caller.map { Frame.links(for: $0.role, at: path) } ?? [], notice: notice)
    }

    /// A page of a template for a visit.
    func html(_ template: String, _ title: String, _ visit: Visit, _ page: any Sendable) -> Response {
        Self.html(templates.render(template, frame: frame(title, visit), page))
    }

    /// A page for somebody who is not signed in, or of whom that is not known.
    func html(
        _ template: String, _ title: String, _ page: any Sendable, status: HTTPResponse.Status = .ok,
        caller: Caller? = nil, path: String = ""
    ) -> Response {
        Self.html(templates.render(template, frame: frame(title, caller: caller, path: path), page), status)
    }

    static func html(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "text/html; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    /// To be asked for by GET, whatever was asked now (RFC 9110, 15.4.4).
    static func redirect(to path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path])
    }

    /// Back to a page after a change, which says what was done.
    func done(_ notice: String, _ visit: Visit, backTo path: String) -> Response {
        credentials.sessions.tell(notice, to: visit.session)
        return Self.redirect(to: path)
    }

    struct Message: Sendable {
        let title: String
        let text: String
        let back: String
    }

    private func page(of problem: Problem, _ request: Request) -> Response {
        let caller = credentials.caller(in: request.headers, isUse: false)
        var response = html(
            "message", problem.status.reasonPhrase,
            Message(
                title: problem.status.reasonPhrase, text: problem.detail,
                back: caller.map { Frame.home(of: $0.role) } ?? "/login"),
            status: problem.status, caller: caller, path: request.uri.path)
        for field in problem.headers { response.headers[field.name] = field.value }
        return response
    }

    /// A query with the values that there are.
    static func query(_ values: KeyValuePairs<String, String?>) -> String {
        let pairs = values.compactMap { name, value in value.map { (name, $0) } }
        return query(pairs)
    }

    static func query(_ pairs: [(String, String)]) -> String {
        guard !pairs.isEmpty else { return "" }
        return "?" + pairs.map { "\($0)=\(encoded($1))" }.joined(separator: "&")
    }

    /// Percent-encoding (RFC 3986, 2.1).
    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E, 0x2F:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + Hex.text([byte]).uppercased()
            }
        }
        return result
    }
}

extension Parameter {
    static let formKey = Parameter(name: "form_key", about: "Of the session.", form: .text())
}

extension HTTPField.Name {
    fileprivate static var referrerPolicy: Self { Self("referrer-policy")! }
}
