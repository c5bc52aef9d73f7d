// /healthz: the process answers. /readyz: 200 while the gate accepts, be it that somebody should look ("degraded"), and 503
// while it cannot ("unavailable"). Without a token only the status; with one each problem, since when it
// stands and what to do, and how forwarding stands.
// /metrics: figures in the Prometheus text format, with a token only.
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Management
import Metering
import NIOCore

struct HealthPages: Sendable {
    /// Whose answer waits for nothing.
    static let alive = "/healthz"

    let health: Health
    /// What else `/readyz` tells who has the token, by member. May look into the ledger.
    let details: @Sendable () -> [String: JSONValue]
    let accepts: @Sendable () -> Bool
    let metrics: MetricRegistry
    let credentials: Credentials

    func answer(_ request: Request) -> Response {
        let path = request.uri.path
        guard [Self.alive, "/readyz", "/metrics"].contains(path) else {
            return Self.json(.notFound, ["error": "not found"])
        }
        guard request.method == .get || request.method == .head else {
            var response = Self.json(.methodNotAllowed, ["error": "method not allowed"])
            response.headers[.allow] = "GET, HEAD"
            return response
        }
        return switch path {
        case Self.alive: Self.json(.ok, ["status": "ok"])
        case "/readyz": readiness(request)
        default: figures(request)
        }
    }

    private func figures(_ request: Request) -> Response {
        guard credentials.may(.status, request.headers) else {
            var response = Self.json(
                .unauthorized, ["error": "a token of the console is needed, of a role that may look"])
            response.headers[.wwwAuthenticate] = "Bearer"
            return response
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
    }

    private func readiness(_ request: Request) -> Response {
        let state = state(withReasons: credentials.may(.status, request.headers))
        return Self.json(state.isUp ? .ok : .serviceUnavailable, state.members)
    }

    /// How the gate is; `isUp`: it accepts.
    /// - Parameter withReasons: what is wrong in words, since when and what to do, and how forwarding stands.
    func state(withReasons: Bool) -> (isUp: Bool, members: [String: JSONValue]) {
        // First: it looks, and may find that a problem has ended.
        let isUp = accepts()
        let problems = health.standing
        let status = problems.isEmpty ? "ready" : isUp ? "degraded" : "unavailable"
        var members: [String: JSONValue] = ["status": .string(status)]
        if withReasons {
            members.merge(details()) { own, _ in own }
            if !problems.isEmpty {
                members["problems"] = .object(problems.mapValues { .string($0.message) })
                members["details"] = .object(
                    problems.mapValues { ["since": .string($0.since), "fix": .string($0.fix)] })
            }
        }
        return (problems.isEmpty || isUp, members)
    }

    private static func json(_ status: HTTPResponse.Status, _ members: [String: JSONValue]) -> Response {
        let body = CanonicalJSON.encode(.object(members)) + [0x0A]
        return Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
