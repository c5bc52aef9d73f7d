// /healthz: the process answers. /readyz: 200 while the gate accepts, be it that somebody should look ("degraded"), and 503
// while it cannot ("unavailable"). Without the token only the status; with it each problem, since when it
// stands and what to do, and how forwarding stands.
// /metrics: figures in the Prometheus text format, with the token only.
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Metering
import NIOCore

struct HealthPages: Sendable {
    let health: Health
    /// What else `/readyz` tells who has the token, by member. May look into the ledger.
    let details: @Sendable () -> [String: JSONValue]
    let accepts: @Sendable () -> Bool
    let metrics: MetricRegistry
    let token: BearerToken

    func answer(_ request: Request) -> Response {
        let path = request.uri.path
        guard ["/healthz", "/readyz", "/metrics"].contains(path) else {
            return Self.json(.notFound, ["error": "not found"])
        }
        guard request.method == .get || request.method == .head else {
            var response = Self.json(.methodNotAllowed, ["error": "method not allowed"])
            response.headers[.allow] = "GET, HEAD"
            return response
        }
        let response =
            switch path {
            case "/healthz": Self.json(.ok, ["status": "ok"])
            case "/readyz": readiness(request)
            default: figures(request)
            }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func figures(_ request: Request) -> Response {
        guard token.isIn(request.headers) else {
            var response = Self.json(.unauthorized, ["error": "the console's token is needed"])
            response.headers[.wwwAuthenticate] = "Bearer"
            return response
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
    }

    private func readiness(_ request: Request) -> Response {
        // First: it looks, and may find that a problem has ended.
        let isUp = accepts()
        let problems = health.standing
        let status = problems.isEmpty ? "ready" : isUp ? "degraded" : "unavailable"
        var answer: [String: JSONValue] = ["status": .string(status)]
        if token.isIn(request.headers) {
            answer.merge(details()) { own, _ in own }
            if !problems.isEmpty {
                answer["problems"] = .object(problems.mapValues { .string($0.message) })
                answer["details"] = .object(
                    problems.mapValues { ["since": .string($0.since), "fix": .string($0.fix)] })
            }
        }
        return Self.json(problems.isEmpty || isUp ? .ok : .serviceUnavailable, answer)
    }

    private static func json(_ status: HTTPResponse.Status, _ members: [String: JSONValue]) -> Response {
        let body = CanonicalJSON.encode(.object(members)) + [0x0A]
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
