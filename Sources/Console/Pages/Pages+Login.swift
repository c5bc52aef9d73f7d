// Signing in with a token of the console, and out again.
import Admission
import HTTPTypes
import Hummingbird
import Intake
import Management

extension Pages {
    struct LoginPage: Sendable {
        let next: String?
        let problem: String?
    }

    func login(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        switch request.method {
        case .get, .head:
            let parameters = try Parameters(request.uri.query, [.next], isForm: true)
            return loginPage(next: try parameters.text(.next))
        case .post: return try await signIn(request, context)
        default: throw Problem.notAllowed("GET, HEAD, POST")
        }
    }

    private func loginPage(
        next: String?, problem: String? = nil, status: HTTPResponse.Status = .ok
    ) -> Response {
        html(
            "login", "Sign in", LoginPage(next: Self.place(next), problem: problem), status: status)
    }

    private func signIn(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        let form = try Parameters(await Self.form(of: request), [.next, .token], isForm: true)
        let next = try form.text(.next)
        let address = context.peer?.ip
        // Before the token is looked at: who may not try learns nothing about it.
        if let wait = logins.wait(address) {
            let seconds = wait.components.seconds + 1
            let problem = Problem(
                .tooManyRequests, "too_many_logins",
                "too many attempts to sign in from your address; try again in \(seconds) s",
                reason: .rateLimited)
            intake.note(problem, of: request, from: context.peer)
            var response = loginPage(next: next, problem: problem.detail, status: problem.status)
            response.headers[.retryAfter] = "\(seconds)"
            return response
        }
        let token = Self.trimmed(try form.text(.token))
        guard let (caller, cookie) = try credentials.signIn(token, allow: entries.count) else {
            logins.failed(address)
            let problem = Problem(
                .unauthorized, "unauthorized",
                "this token is not good: it was mistyped, revoked, or has expired",
                reason: .authFailed)
            intake.note(problem, of: request, from: context.peer)
            return loginPage(next: next, problem: problem.detail, status: .unauthorized)
        }
        try await intake.record(
            AccessRecord.reading(
                "console login", by: try Attribution(caller.principal(from: context.peer))))
        var response = Self.redirect(to: Self.place(next) ?? Frame.home(of: caller.role))
        response.headers[.setCookie] = cookie
        return response
    }

    /// What is pasted may have a line end behind it.
    private static func trimmed(_ text: String?) -> String {
        String(
            (text ?? "").trimmingPrefix(while: \.isWhitespace).reversed().trimmingPrefix(
                while: \.isWhitespace
            ).reversed())
    }

    /// A place of this console; nil for what may be another site's.
    private static func place(_ next: String?) -> String? {
        guard let next, next.utf8.first == UInt8(ascii: "/"), next.utf8.count <= 2048, next != "/",
            next.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }),
            next.utf8.dropFirst().first != UInt8(ascii: "/")
        else { return nil }
        return next
    }

    func logout(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        guard request.method == .post else { throw Problem.notAllowed("POST") }
        let form = try Parameters(await Self.form(of: request), [.formKey], isForm: true)
        if let caller = credentials.caller(in: request.headers), let session = caller.session {
            guard Credentials.isFormKey(try form.text(.formKey), of: session) else { throw Problem.formKey }
            try await intake.record(
                AccessRecord.reading(
                    "console logout", by: try Attribution(caller.principal(from: context.peer))))
        }
        var response = Self.redirect(to: "/login")
        response.headers[.setCookie] = credentials.signOut(request.headers)
        return response
    }
}

extension Parameter {
    fileprivate static let next = Parameter(
        name: "next", about: "The page to go to afterwards.", form: .text())
    fileprivate static let token = Parameter(
        name: "token", about: "A token of the console.", form: .text())
}
