// /healthz: the process answers. /readyz: 200 while the gate accepts, be it that somebody should look ("degraded"), and 503
// while it cannot ("unavailable"). Without the token only the status.
// /metrics: figures in the Prometheus text format, with the token only.
import HTTPTypes
import Hummingbird
import Intake
import JSON
import NIOCore

struct HealthPages: Sendable {
    let health: Health
    let accepts: @Sendable () -> Bool
    let gauges: Gauges
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
            default: metrics(request)
            }
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func metrics(_ request: Request) -> Response {
        guard token.isIn(request.headers) else {
            var response = Self.json(.unauthorized, ["error": "the console's token is needed"])
            response.headers[.wwwAuthenticate] = "Bearer"
            return response
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: gauges.text)))
    }

    private func readiness(_ request: Request) -> Response {
        // First: it looks, and may find that a problem has ended.
        let isUp = accepts()
        let problems = health.problems
        guard !problems.isEmpty else { return Self.json(.ok, ["status": "ready"]) }
        var answer: [String: JSONValue] = ["status": isUp ? "degraded" : "unavailable"]
        if token.isIn(request.headers) { answer["problems"] = .object(problems.mapValues { .string($0) }) }
        return Self.json(isUp ? .ok : .serviceUnavailable, answer)
    }

    private static func json(_ status: HTTPResponse.Status, _ members: [String: JSONValue]) -> Response {
        let body = CanonicalJSON.encode(.object(members)) + [0x0A]
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
