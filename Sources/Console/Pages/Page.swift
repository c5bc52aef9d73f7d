// One page, or what a form of it is sent to: its path, who may, what it takes, and what answers.
import Admission
import HTTPTypes
import Hummingbird
import Management

struct Page: Sendable {
    var method = HTTPRequest.Method.get
    /// Without the first slash, with the names of parameters in braces: `attempts/{seq}`.
    let path: String
    let permission: Permission
    /// Of the address, or of a form that is sent.
    var parameters: [Parameter] = []
    /// Whether it is somebody's doing when it is asked for. What an open page asks for by itself keeps nobody signed in.
    var isUse = true
    let run: @Sendable (Pages, Visit) async throws -> Response

    func takes(_ method: HTTPRequest.Method) -> Bool {
        method == self.method || self.method == .get && method == .head
    }
}

/// One request of somebody who has signed in.
struct Visit: Sendable {
    let request: Request
    let caller: Caller
    let session: Session
    let peer: Endpoint?
    let age: ConnectionAge?
    let parameters: Parameters

    func attribution(_ comment: String? = nil) throws -> Attribution {
        try Attribution(caller.principal(from: peer), comment: comment)
    }
}
