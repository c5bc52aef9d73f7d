// What the gate says to a caller: a status and a small JSON body, nothing about how it came to it.
import NIOHTTP1

struct Answer: Sendable, Equatable {
    var status: HTTPResponseStatus
    var body: [UInt8]
    /// Seconds for `Retry-After`.
    var retryAfter: Int?
    /// For `Allow`.
    var allow: String?
    /// Asks for HTTP basic credentials.
    var challenge = false
    /// Says that bodies are taken as they are, with no coding (RFC 9110, 12.5.3 and 15.5.16).
    var takesIdentityOnly = false

    init(_ status: HTTPResponseStatus, body: [UInt8]) {
        self.status = status
        self.body = body
    }

    /// `{"error":"…","id":"…"}`. Neither part comes from outside.
    static func error(_ status: HTTPResponseStatus, _ text: StaticString, id: String) -> Answer {
        Answer(status, body: Array("{\"error\":\"\(text)\",\"id\":\"\(id)\"}\n".utf8))
    }

    /// `{"id":"<drop id>","status":"stored"}`
    static func kept(dropID: String, isDuplicate: Bool) -> Answer {
        Answer(
            .ok,
            body: Array(
                "{\"id\":\"\(dropID)\",\"status\":\"\(isDuplicate ? "duplicate" : "stored")\"}\n".utf8))
    }

    /// The header fields of this answer, for HTTP/1.1 and HTTP/2.
    func headers() -> HTTPHeaders {
        var fields: [(String, String)] = []
        fields.reserveCapacity(4)
        fields.append(("content-type", "application/json"))
        fields.append(("content-length", String(body.count)))
        if let retryAfter { fields.append(("retry-after", String(retryAfter))) }
        if let allow { fields.append(("allow", allow)) }
        if challenge { fields.append(("www-authenticate", "Basic realm=\"webhook\", charset=\"UTF-8\"")) }
        if takesIdentityOnly { fields.append(("accept-encoding", "identity")) }
        return HTTPHeaders(fields)
    }
}
