// Who asks something of a gate, and why: what the entry of a change, of an acknowledgement or of an access says of the person.
import Admission
package import JSON

package struct Attribution: Sendable, Hashable {
    /// Bytes of a comment.
    package static let longestComment = 1024
    static let commentMember = "comment"

    package let principal: Principal
    /// What the person says about it, as it was typed.
    package let comment: String?

    /// Throws a `ManagementError` for a comment that is too long or cannot be printed.
    package init(_ principal: Principal, comment: String? = nil) throws(ManagementError) {
        try comment.map(Self.check)
        self.principal = principal
        self.comment = comment
    }

    private init(uncommented principal: Principal) {
        self.principal = principal
        comment = nil
    }

    /// The user of this process, without a comment.
    package static var current: Attribution { Attribution(uncommented: .current) }

    package static func check(comment: String) throws(ManagementError) {
        guard UntrustedText.isName(comment) else {
            throw ManagementError(.invalid, "the comment cannot be written: \(UntrustedText.noName)")
        }
        guard comment.utf8.count <= longestComment else {
            throw ManagementError(
                .invalid, "the comment has \(comment.utf8.count) bytes",
                fix: "use \(longestComment) or less, and refer to a ticket for the rest")
        }
    }

    /// What an entry's detail says of it.
    package var facts: [String: JSONValue] {
        var facts = principal.facts
        facts[Self.commentMember] = comment.map(JSONValue.string)
        return facts
    }

    /// Members of an entry's detail that nobody else may write.
    static let members = Principal.members.union([commentMember])
}
