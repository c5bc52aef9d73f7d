// Diagnoses of HTTP answers, by status, with what the gate itself says of them.
import Admission

extension Diagnosis {
    /// nil for an answer that is as it should be. `reference` is the id by which the gate recorded the request.
    static func answer(_ answer: HTTPAnswer, reference: String?) -> Diagnosis? {
        let body = String(decoding: answer.body, as: UTF8.self)
        if answer.status == 400, body.contains("plain HTTP request was sent to HTTPS port") {
            return .plainOnTLS("it said so")
        }
        let look = "`dropgate attempts --since 10m --verdict rejected`"
        let ask = reference.map { "find \($0) in the gate's attempts: \(look)" } ?? "ask the gate: \(look)"
        let (code, means, next): (Code, String, String)
        switch answer.status {
        case 200..<300: return nil
        case 300..<400:
            let place = answer["location"].map { " to \(UntrustedText.head($0, limit: 200))" } ?? ""
            (code, means, next) = (
                .redirected, "the server sends the caller on\(place); webhook callers do not follow",
                "give VSee the URL that answers without a redirect"
            )
        case 500...: (code, means, next) = serverFault(answer)
        default: (code, means, next) = refusal(answer, ask)
        }
        let seen = reference.map { " (reference \($0))" } ?? ""
        return Diagnosis(code, means: "\(answer.status): \(means)\(seen)", next: next)
    }

    private static func refusal(_ answer: HTTPAnswer, _ ask: String) -> (Code, String, String) {
        switch answer.status {
        case 400: return (.badRequest, "the server finds the request malformed", ask)
        case 401:
            return (
                .unauthorized, "the gate asks for HTTP basic credentials, and these are missing or wrong",
                "give --basic-user and --password-file, and set the same at VSee"
            )
        case 403:
            return (
                .forbidden,
                "the source is not listed for webhooks, or a header or signature that the gate asks for is "
                    + "missing",
                "\(ask); its reason says which, and `dropgate source explain IP --channel webhook` explains a "
                    + "source"
            )
        case 404:
            return (
                .wrongPath,
                "nothing is at this path: it is not the gate's, or its secret part is missing or wrong",
                "compare the URL with `webhook.path` in the gate's settings and with --secret-file"
            )
        case 405:
            return (
                .wrongMethod,
                "the path exists, for " + UntrustedText.head(answer["allow"] ?? "another method", limit: 40),
                "events go to the gate's webhook path by POST; /reachability takes GET"
            )
        case 413:
            return (
                .tooLarge, "the body is larger than the server takes",
                "raise `webhook.max_body` of the gate, or the limit of the proxy in front of it"
            )
        case 429:
            return (
                .rateLimited, "the server takes no more requests of this source for a while",
                "try again later, and find out which program in front of the gate limits rates"
            )
        default: return (.unexpectedAnswer, "an unexpected answer", ask)
        }
    }

    private static func serverFault(_ answer: HTTPAnswer) -> (Code, String, String) {
        switch answer.status {
        case 502, 504:
            return (
                .serverError, "a proxy answers, and the gate behind it does not",
                "start the gate, and compare the proxy's upstream with the gate's listener"
            )
        case 503:
            let wait = answer["retry-after"].map {
                ", and asks callers to come back in \(UntrustedText.head($0, limit: 40)) s"
            }
            return (
                .unavailable, "the gate is running and accepts nothing now\(wait ?? "")",
                "check /readyz of its console and the free space: below `staging.reserve`, or with a ledger "
                    + "that cannot be written, it accepts nothing"
            )
        default: return (.serverError, "the server failed", "look at the server's log")
        }
    }

    static func plainOnTLS(_ how: String) -> Diagnosis {
        Diagnosis(
            .plainOnTLS, means: "the port speaks TLS, and the probe spoke plain HTTP (\(how))",
            next: "use https:// in the URL")
    }

    static func unreadable(_ error: HTTPAnswerError, _ socket: ProbeSocket) -> Diagnosis {
        switch error {
        case .notHTTP(let bytes):
            // A TLS alert record (RFC 8446 section 5.1).
            if bytes.first == 21 { return .plainOnTLS("it answered with a TLS alert") }
            let text = UntrustedText.head(String(decoding: bytes, as: UTF8.self), limit: 40)
            let isSSH = bytes.starts(with: Array("SSH-".utf8))
            return Diagnosis(
                .notHTTP, means: "\(socket.peer) does not speak HTTP: it answered \"\(text)\"",
                next: isSSH
                    ? "this is an SSH port: `dropgate probe sftp`"
                    : "compare the port with the gate's listener")
        case .malformed(let why):
            return Diagnosis(
                .notHTTP, means: "\(socket.peer) answered with broken HTTP: \(why)",
                next: "look at the program behind the port")
        }
    }

    static func noAnswerToRequest(_ socket: ProbeSocket) -> Diagnosis {
        Diagnosis(
            .closedEarly, means: "\(socket.peer) closed the connection without a whole answer to the request",
            next: "look at the server's log: a program that crashes or restarts looks like this")
    }

    static func observed(_ source: String) -> Diagnosis {
        Diagnosis(
            .observed, .warning,
            means: "the gate would reject \(source) and lets it in only because it observes",
            next: "`dropgate source explain \(source) --channel webhook` says why; list the source before "
                + "enforcing")
    }
}
