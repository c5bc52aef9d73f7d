// How an HTTP request becomes a ledger entry: in one place, so that every outcome of a request says the same things.
import Admission
import JSON
import Ledger
import NIOHTTP1

extension Attempt {
    /// An attempt by request. With a reason it is a refusal, whatever was decided on its source.
    init(
        _ kind: EntryKind = .request, id: String, decision: Decision, credential: String?, method: String,
        path: String,
        status: HTTPResponseStatus, refused reason: Reason? = nil, detail: [String: JSONValue] = [:]
    ) {
        self.init(kind: kind, channel: .webhook, decision: decision)
        if let reason {
            verdict = .rejected
            self.reason = reason
        }
        self.credential = credential
        // In HTTP/2 either may be missing from a malformed request.
        request = RequestFacts(
            id: id, method: method.isEmpty ? nil : method, path: path.isEmpty ? nil : path,
            status: Int(status.code))
        self.detail.merge(detail) { _, new in new }
    }

    /// An attempt by a request whose header was found good.
    /// - Parameter decision: nil: that on the header.
    init(
        _ head: RequestHead, _ kind: EntryKind = .request, _ decision: Decision? = nil,
        status: HTTPResponseStatus,
        refused reason: Reason? = nil,
        detail: [String: JSONValue] = [:]
    ) {
        self.init(
            kind, id: head.id, decision: decision ?? head.decision, credential: head.credential,
            method: head.method,
            path: head.maskedPath, status: status, refused: reason, detail: detail)
    }
}
