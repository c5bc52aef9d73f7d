// What a page of another site has a browser send is not answered, whatever it carries.
import Admission
import HTTPTypes
import Hummingbird

enum SameSite {
    /// By `Origin` (RFC 6454, 7), and by what newer browsers say of the page that asks (Fetch Metadata). Throws a `Problem`.
    static func check(_ request: Request) throws(Problem) {
        let refusal = Problem(
            .forbidden, "cross_origin", "a page of another site may not ask", reason: .forbiddenOperation)
        // A link of another site may be followed to a page, which shows what the person may see.
        let isVisit =
            request.method == .get && request.headers[.fetchMode] == "navigate"
            && request.headers[.fetchDestination] == "document"
        if let site = request.headers[.fetchSite], !["same-origin", "none"].contains(site), !isVisit {
            throw refusal
        }
        guard let origin = request.headers[.origin] else { return }
        let place = origin.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init)
        guard let host = request.head.authority, place == host else { throw refusal }
    }
}

extension HTTPField.Name {
    fileprivate static var fetchSite: Self { Self("sec-fetch-site")! }
    fileprivate static var fetchMode: Self { Self("sec-fetch-mode")! }
    fileprivate static var fetchDestination: Self { Self("sec-fetch-dest")! }
    /// The key of a session's forms, of a script's request.
    static var formKey: Self { Self("x-dropgate-form-key")! }
}
