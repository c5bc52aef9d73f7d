// One path of the API: what it is for, who may ask, what it takes and gives, and what answers it. The one declaration routes requests
// and describes the API.
import Admission
import HTTPTypes
import Hummingbird
import Management

struct Operation: Sendable {
    /// What it gives.
    enum Answer: Sendable {
        /// JSON of a schema of `OpenAPISchemas`.
        case json(String)
        case text
        /// Server-sent events.
        case events
        /// What came, as it came.
        case bytes

        /// Whether an answer has an entity tag to ask for it again by.
        var isTagged: Bool {
            switch self {
            case .json, .text: true
            case .events, .bytes: false
            }
        }
    }

    var method = HTTPRequest.Method.get
    /// Below `API.root`, with the names of parameters in braces: `drops/{id}`.
    let path: String
    /// The schema of the body that a change takes, and whether there must be one.
    var body: (schema: String, isRequired: Bool) = ("Comment", false)
    /// 202: something was begun, and goes on.
    var success = 200
    /// For programs that are made from the description.
    let id: String
    /// For people.
    let summary: String
    let about: String
    /// nil: everybody may.
    let permission: Permission?
    var parameters: [Parameter] = []
    let answer: Answer
    /// Refusals beyond those that every operation has.
    var problems: [Refusal] = []
    let run: @Sendable (API, API.Call) async throws -> Response

    /// A status and when it comes.
    struct Refusal: Sendable {
        let status: Int
        let about: String

        init(_ status: Int, _ about: String) {
            self.status = status
            self.about = about
        }
    }

    /// It takes a body.
    var isChange: Bool { method == .post }

    var methods: String { isChange ? "POST" : "GET, HEAD" }

    func takes(_ method: HTTPRequest.Method) -> Bool {
        method == self.method || !isChange && method == .head
    }

    /// The values of the parameters in a path, by name; nil: the path is another operation's.
    func values(in path: [Substring]) -> [String: String]? { PathPattern.values(of: self.path, in: path) }
}
