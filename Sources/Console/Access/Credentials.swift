// Whose token a request carries (RFC 6750, 2.1), or whose browser it comes from (RFC 6265).
import HTTPTypes
import Management
import TLS

struct Credentials: Sendable {
    let tokens: TokenBook
    let sessions = Sessions()
    /// Whether cookies are for TLS only.
    let isSecure: Bool

    /// nil: it carries nothing that is good. A request with an `Authorization` is judged by that alone. It blocks.
    /// - Parameter isUse: as of `Sessions.session`.
    func caller(in fields: HTTPFields, isUse: Bool = true) -> Caller? {
        if fields[.authorization] != nil { return holder(in: fields).map { Caller($0) } }
        guard let secret = cookie(in: fields), let session = sessions.session(secret, isUse: isUse) else {
            return nil
        }
        // Of a token that was revoked, or has expired, since.
        guard let holder = tokens.holder(ofDigest: session.token) else {
            sessions.end(secret)
            return nil
        }
        return Caller(holder, session: session)
    }

    private func holder(in fields: HTTPFields) -> TokenBook.Holder? {
        let values = fields[values: .authorization]
        let words = (values.first ?? "").split(separator: " ", omittingEmptySubsequences: true)
        let holder = tokens.holder(of: Array((words.last ?? "").utf8))
        return values.count == 1 && words.count == 2 && words[0].lowercased() == "bearer" ? holder : nil
    }

    /// Whether it is of somebody who may ask for this, who need not do anything for it.
    func may(_ permission: Permission, _ fields: HTTPFields) -> Bool {
        caller(in: fields, isUse: false)?.may(permission) ?? false
    }

    /// What keeps a caller from this; nil: nothing does. Who shows no token has tried none, and is no entry: balancers poll.
    static func refusal(of permission: Permission, to caller: Caller?, _ fields: HTTPFields) -> Problem? {
        guard let caller else {
            var problem = Problem.unauthorized
            if fields[.authorization] == nil { problem.reason = nil }
            return problem
        }
        return caller.may(permission) ? nil : Problem.forbidden(caller.role)
    }

    // MARK: Sessions

    /// Browsers take a cookie of this prefix over TLS only, and from no other host of the domain (RFC 6265bis, 4.1.3.2).
    private var cookieName: String { isSecure ? "__Host-dropgate" : "dropgate" }

    /// What the request's cookie holds; nil, too, where it comes more than once.
    func cookie(in fields: HTTPFields) -> String? {
        let values = fields[values: .cookie].flatMap { $0.split(separator: ";") }.compactMap { pair in
            let pair = pair.split(separator: "=", maxSplits: 1)
            return pair.count == 2 && pair[0].trimmingPrefix(while: \.isWhitespace) == cookieName
                ? String(pair[1]) : nil
        }
        return values.count == 1 ? values[0] : nil
    }

    /// Begins a session with a token. nil: the token is not good.
    /// - Parameter allow: throws for one that may not begin one now; its other sessions go on then.
    func signIn(
        _ token: String, allow: (Caller) throws(Problem) -> Void
    ) throws(Problem) -> (caller: Caller, cookie: String)? {
        let digest = SHA256.hash(data: Array(token.utf8))
        guard let holder = tokens.holder(ofDigest: digest) else { return nil }
        try allow(Caller(holder))
        let (session, secret) = sessions.begin(digest)
        return (Caller(holder, session: session), cookieField(secret, ""))
    }

    /// Ends the request's session. Returns the field that has the browser forget its cookie.
    func signOut(_ fields: HTTPFields) -> String {
        if let secret = cookie(in: fields) { sessions.end(secret) }
        return cookieField("", "; Max-Age=0")
    }

    /// No script can read it, and no other site has it sent.
    private func cookieField(_ value: String, _ more: String) -> String {
        "\(cookieName)=\(value); Path=/; HttpOnly; SameSite=Strict\(isSecure ? "; Secure" : "")\(more)"
    }

    /// Whether what a form, or a script, sends along is what its own page was given.
    static func isFormKey(_ offered: String?, of session: Session) -> Bool {
        ConstantTime.isEqual(Array((offered ?? "").utf8), Array(session.formKey.utf8))
    }
}
