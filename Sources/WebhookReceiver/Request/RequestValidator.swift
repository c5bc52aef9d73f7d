// The judgement on a request's header, before a byte of its body is kept: source, framing, route, method,
// credentials, size, space. It answers nothing itself and reads no body.
import Admission
import Intake
import JSON
import Ledger
import NIOHTTP1
import Settings

/// A request that ends here: what the caller is told and what the ledger is told.
struct Refusal {
    var answer: Answer
    var attempt: Attempt
}

enum HeadVerdict {
    case refuse(Refusal)
    /// Who asks may, and the ledger is not told: a balancer asks every second or two.
    case answer(Answer)
    /// The caller may be waiting for `100 Continue` before it sends the body.
    case receive(RequestHead, awaitsContinue: Bool)
}

struct RequestValidator {
    /// Seconds, where the intake does not say when to come again.
    static let retryAfter = 30
    /// Bytes of a content type that are kept.
    static let longestContentType = 200
    /// Bytes of a request target (RFC 9112, 3 wants 8000 at the least).
    static let longestTarget = 8192
    /// Bytes of a body that is kept apart: VSee's events are some hundred bytes.
    static let longestUnlisted = 256 << 10

    let listener: WebhookListener
    let decision: Decision
    let id: String
    let credential: String?
    private let tlsVersion: String?
    let head: HTTPRequestHead
    let target: RoutedTarget
    /// The trusted proxy itself asks, over a connection that can deliver nothing.
    let isOfProxy: Bool
    /// A trusted proxy asks for the gate's health, and does not say that it asks for somebody else.
    let isUnforwarded: Bool

    init(connection: Connection, head: HTTPRequestHead, id: String) {
        listener = connection.listener
        credential = connection.tls?.credential
        tlsVersion = connection.tls?.version
        self.head = head
        self.id = id
        decision = connection.decide { head.headers[$0] }
        target = connection.listener.routes.route(head.uri)
        isOfProxy = connection.isOfProxy
        isUnforwarded =
            target.route == .health && connection.isLookOfProxy
            && AddressMode.requestHeaders.allSatisfy { head.headers[$0].isEmpty }
    }

    /// Whether this only asks for the gate's health: at its path, or at any path where the proxy itself asks, whose
    /// connection can deliver nothing.
    private var asksForHealth: Bool {
        guard [.GET, .HEAD, .OPTIONS].contains(head.method) else { return false }
        return isOfProxy || isUnforwarded || (target.route == .health && decision.isAdmitted)
    }

    private var health: Answer {
        listener.intake.accepts
            ? Answer(.ok, body: Array("{\"status\":\"ok\"}\n".utf8))
            : Answer(.serviceUnavailable, body: Array("{\"status\":\"unavailable\"}\n".utf8))
    }

    func judge(_ framing: BodyFraming) -> HeadVerdict {
        // HAProxy's checks over HTTP/2 name no host.
        if asksForHealth, framing == .none || framing == .withoutHost { return .answer(health) }
        guard decision.isAdmitted else { return judgeUnlisted(framing) }
        if case .refused(let why) = framing {
            return refuse(.badRequest, "malformed request", .malformed, ["error": .string(why)])
        }
        let length = head.uri.utf8.count
        if length > Self.longestTarget {
            return refuse(.uriTooLong, "target too long", .tooLarge, ["target_bytes": .int(Int64(length))])
        }
        switch target.route {
        case .unknown: return refuse(.notFound, "not found", .badPath)
        case .health: return wrongMethod(allow: "GET, HEAD, OPTIONS")
        case .wrongSecret: return refuse(.notFound, "not found", .badSecret, ["check": "path"])
        case .reachability: return judgeReachability(framing)
        case .webhook: return judgeEvent(framing)
        }
    }

    /// A source that is not let in. With `unlisted: quarantine` the bodies of all of them are read before they
    /// hear it, whatever they show, so that the answer and its time tell nobody whether a secret was right.
    private func judgeUnlisted(_ framing: BodyFraming) -> HeadVerdict {
        var refused = refusal(.forbidden, "forbidden", decision.reason)
        guard listener.settings.unlisted == .quarantine else { return .refuse(refused) }
        if let why = whyNotRead(framing) {
            refused.attempt.tell(why)
            return .refuse(refused)
        }
        var failed = listener.checks.failures(in: head.headers)
        if target.route != .webhook { failed.append("path") }
        let signature = listener.checks.offeredSignature(in: head.headers)
        return .receive(
            accepted(.unlisted(failed: failed), signature: signature, length: 0),
            awaitsContinue: awaitsContinue(framing))
    }

    /// Why the body of a source that is not let in is not even read; nil when it is.
    private func whyNotRead(_ framing: BodyFraming) -> NotHeld? {
        if decision.source == nil { return .noSource }
        if case .refused = framing { return .malformed }
        guard head.method == .POST, framing.hasBody, expectation != .unknown else { return .notAnEvent }
        if case .exactly(let announced) = framing, announced > Self.longestUnlisted { return .tooLarge }
        return nil
    }

    /// Bytes that a body may have.
    private func limit(of purpose: RequestHead.Purpose) -> Int {
        switch purpose {
        case .event: listener.settings.maxBody
        case .unlisted: min(listener.settings.maxBody, Self.longestUnlisted)
        case .reachability: 0
        }
    }

    private func judgeReachability(_ framing: BodyFraming) -> HeadVerdict {
        guard head.method == .GET else { return wrongMethod(allow: "GET") }
        guard !framing.hasBody else { return refuse(.payloadTooLarge, "body not expected", .tooLarge) }
        return .receive(accepted(.reachability, signature: nil, length: 0), awaitsContinue: false)
    }

    private func judgeEvent(_ framing: BodyFraming) -> HeadVerdict {
        guard head.method == .POST else { return wrongMethod(allow: "POST") }
        let failed = listener.checks.failures(in: head.headers)
        if !failed.isEmpty { return unauthorised(.badSecret, failed) }
        var signature: OfferedSignature?
        if listener.checks.wantsSignature {
            signature = listener.checks.offeredSignature(in: head.headers)
            if signature == nil {
                return unauthorised(
                    .badSignature, ["signature headers"],
                    ["signature": .string(SignatureFault.malformed.rawValue)])
            }
        }
        // Nothing here decodes: what is staged are the bytes that came, and a consumer would take them for the event.
        let codings = head.headers[canonicalForm: "content-encoding"].map { $0.lowercased() }
        guard codings.allSatisfy({ $0 == "identity" }) else {
            let named = UntrustedText.head(codings.joined(separator: ", "), limit: 100)
            var refusal = refusal(
                .unsupportedMediaType, "content-encoding not supported", .malformed,
                ["content_encoding": .string(named)])
            refusal.answer.takesIdentityOnly = true
            return .refuse(refusal)
        }
        // In HTTP/1 the bytes behind this header would count as another request, and an event without any as stored (RFC 9110, 15.5.12).
        guard framing != .none || head.version.major >= 2 || head.headers.contains(name: "content-length")
        else {
            return refuse(
                .lengthRequired, "length required", .malformed,
                ["error": "neither content-length nor transfer-encoding: whether there is a body is not said"]
            )
        }
        var length = 0
        if case .exactly(let announced) = framing {
            guard announced <= listener.settings.maxBody else {
                return refuse(
                    .payloadTooLarge, "body too large", .tooLarge, ["announced": .int(Int64(announced))])
            }
            length = announced
        }
        guard expectation != .unknown else {
            return refuse(
                .expectationFailed, "expectation failed", .malformed, ["error": "unknown expectation"])
        }
        if let problem = listener.intake.checkSpace() {
            var refusal = refusal(.serviceUnavailable, "try again later", problem.code)
            refusal.answer.retryAfter = problem.retryAfter ?? Self.retryAfter
            return .refuse(refusal)
        }
        return .receive(
            accepted(.event, signature: signature, length: length), awaitsContinue: awaitsContinue(framing))
    }

    private enum Expectation {
        case none, goAhead, unknown
    }

    /// What the caller wants to hear before it sends the body (RFC 9110, 10.1.1).
    private var expectation: Expectation {
        let named = head.headers["expect"]
        if named.isEmpty { return .none }
        return named.count == 1 && named[0].lowercased() == "100-continue" ? .goAhead : .unknown
    }

    /// HTTP/1.0 knows no answer before the answer.
    private func awaitsContinue(_ framing: BodyFraming) -> Bool {
        expectation == .goAhead && framing.hasBody && head.version != .http1_0
    }

    private func accepted(
        _ purpose: RequestHead.Purpose, signature: OfferedSignature?, length: Int
    ) -> RequestHead {
        var contentType = head.headers.first(name: "content-type")
        if let type = contentType, type.utf8.count > Self.longestContentType {
            contentType = UntrustedText.head(type, limit: Self.longestContentType)
        }
        return RequestHead(
            id: id, decision: decision, method: head.method.rawValue, maskedPath: target.maskedPath,
            purpose: purpose, credential: credential,
            transport: TransportFacts(http: Self.version(head), tls: tlsVersion), signature: signature,
            contentType: contentType, limit: limit(of: purpose), announced: length)
    }

    private static func version(_ head: HTTPRequestHead) -> String {
        head.version.major == 2 ? "2" : "\(head.version.major).\(head.version.minor)"
    }
}

// Refusals.
extension RequestValidator {
    private func wrongMethod(allow: String) -> HeadVerdict {
        var refusal = refusal(.methodNotAllowed, "method not allowed", .badMethod)
        refusal.answer.allow = allow
        return .refuse(refusal)
    }

    /// Which check failed goes to the ledger only; the caller gets the same answer for each.
    private func unauthorised(
        _ reason: Reason, _ failed: [String], _ detail: [String: JSONValue] = [:]
    ) -> HeadVerdict {
        var refusal = refusal(.forbidden, "forbidden", reason, detail)
        refusal.answer = Self.unauthorised(listener, id: id)
        refusal.attempt.request?.status = Int(refusal.answer.status.code)
        refusal.attempt.detail["check"] = .array(failed.map { .string($0) })
        return .refuse(refusal)
    }

    /// The one answer for every failed credential beside the path secret.
    static func unauthorised(_ listener: WebhookListener, id: String) -> Answer {
        guard listener.checks.wantsBasic else { return .error(.forbidden, "forbidden", id: id) }
        var answer = Answer.error(.unauthorized, "unauthorized", id: id)
        answer.challenge = true
        return answer
    }

    private func refuse(
        _ status: HTTPResponseStatus, _ text: StaticString, _ reason: Reason,
        _ detail: [String: JSONValue] = [:]
    ) -> HeadVerdict {
        .refuse(refusal(status, text, reason, detail))
    }

    func refusal(
        _ status: HTTPResponseStatus, _ text: StaticString, _ reason: Reason,
        _ detail: [String: JSONValue] = [:]
    ) -> Refusal {
        let attempt = Attempt(
            id: id, decision: decision, credential: credential, method: Self.written(head.method.rawValue),
            path: target.maskedPath, status: status, refused: reason, detail: detail)
        return Refusal(answer: .error(status, text, id: id), attempt: attempt)
    }

    /// Methods are tokens of any length in HTTP/2.
    private static func written(_ method: String) -> String { UntrustedText.head(method, limit: 20) }
}

extension RequestHead {
    /// A refusal after the header was found good: while the body was read, or when it was checked.
    func refusal(
        _ status: HTTPResponseStatus, _ text: StaticString, _ reason: Reason,
        _ detail: [String: JSONValue] = [:]
    ) -> Refusal {
        if case .unlisted = purpose {
            // It hears what every unlisted source hears, and the ledger goes on calling it that.
            var attempt = Attempt(
                self, status: .forbidden, refused: decision.reason,
                detail: detail.merging(["ended_by": .string(reason.rawValue)]) { old, _ in old })
            attempt.tell(reason == .tooLarge ? .tooLarge : reason == .malformed ? .malformed : .notWhole)
            return Refusal(answer: .error(.forbidden, "forbidden", id: id), attempt: attempt)
        }
        return Refusal(
            answer: .error(status, text, id: id),
            attempt: Attempt(self, status: status, refused: reason, detail: detail))
    }
}
