// Whose token a request carries (RFC 6750, 2.1).
import HTTPTypes
import Management

struct Credentials: Sendable {
    let tokens: TokenBook

    /// nil: it carries none, more than one, or one that is not good. It blocks.
    func holder(in fields: HTTPFields) -> TokenBook.Holder? {
        let values = fields[values: .authorization]
        let words = (values.first ?? "").split(separator: " ", omittingEmptySubsequences: true)
        let holder = tokens.holder(of: Array((words.last ?? "").utf8))
        return values.count == 1 && words.count == 2 && words[0].lowercased() == "bearer" ? holder : nil
    }

    /// Whether it carries the token of somebody who may ask for this.
    func may(_ permission: Permission, _ fields: HTTPFields) -> Bool {
        holder(in: fields)?.role.may(permission) ?? false
    }
}
