// Who was kept from something at the console is an entry; a flood of it is few.
import Admission
import HTTPTypes
import Hummingbird
import Intake
import JSON
import Ledger

extension Intake {
    /// An entry, where the problem is one that somebody was kept from something by.
    /// - Parameter status: of the answer; nil: the problem's.
    func note(
        _ problem: Problem, of request: Request, from peer: Endpoint?,
        answered status: HTTPResponse.Status? = nil
    ) {
        guard let reason = problem.reason else { return }
        var attempt = Attempt(kind: .request, channel: .console, verdict: .rejected, reason: reason)
        attempt.source = peer
        attempt.request = RequestFacts(
            method: UntrustedText.head(request.method.rawValue, limit: 20),
            path: UntrustedText.head(request.uri.path, limit: 200),
            status: Int((status ?? problem.status).code))
        attempt.detail["message"] = .string(problem.code)
        note(attempt)
    }
}
