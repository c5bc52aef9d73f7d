// /healthz: the process answers. /readyz: 200 while the gate accepts, be it that somebody should look ("degraded"), and 503
// while it cannot ("unavailable"). Without a token only the status; with one each problem, since when it
// stands and what to do, and how forwarding stands.
// /metrics: figures in the Prometheus text format, with a token only.
// Who shows a token and gets nothing for it is an entry, at both.
import Admission
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

    let intake: Intake
    /// What else `/readyz` tells who has the token, by member. May look into the ledger.
    let details: @Sendable () -> [String: JSONValue]
    let credentials: Credentials

    func answer(_ request: Request, from peer: Endpoint?) -> Response {
        let path = request.uri.path
        guard [Self.alive, "/readyz", "/metrics"].contains(path) else {
            return Self.json(.notFound, ["error": "not found"])
        }
        guard request.method == .get || request.method == .head else {
            var response = Self.json(.methodNotAllowed, ["error": "method not allowed"])
            response.headers[.allow] = "GET, HEAD"
            return response
        }
        guard path != Self.alive else { return Self.json(.ok, ["status": "ok"]) }
        let caller = credentials.caller(in: request.headers, isUse: false)
        let refusal = Credentials.refusal(of: .status, to: caller, request.headers)
        let response = path == "/readyz" ? readiness(withReasons: refusal == nil) : figures(refusal)
        if let refusal { intake.note(refusal, of: request, from: peer, answered: response.status) }
        return response
    }

    private func figures(_ refusal: Problem?) -> Response {
        if let refusal { return refusal.response }
        return Response(
            status: .ok,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: intake.metrics.text)))
    }

    private func readiness(withReasons: Bool) -> Response {
        let state = state(withReasons: withReasons)
        return Self.json(state.isUp ? .ok : .serviceUnavailable, state.members)
    }

    /// How the gate is; `isUp`: it accepts.
    /// - Parameter withReasons: what is wrong in words, since when and what to do, and how forwarding stands.
    func state(withReasons: Bool) -> (isUp: Bool, members: [String: JSONValue]) {
        // First: it looks, and may find that a problem has ended.
        let isUp = intake.accepts
        let problems = intake.health.standing
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
