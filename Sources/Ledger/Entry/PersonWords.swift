// Who did something, in words: from what an entry's detail says of the person. Nobody who reads it should have to know which
// member is whose word; the guide for auditors says that. Pure.
package import JSON

package struct PersonWords: Sendable, Hashable {
    /// "alice", "alice as dropgate" after sudo or su, "#1001" where the system knows no name, "session s1 at 192.0.2.7",
    /// "token ehr at 192.0.2.7".
    package let name: String
    /// What the person says about it.
    package let comment: String?

    /// nil for an entry of the gate's own: no person asked for it.
    package init?(_ detail: JSONValue?) {
        func word(_ prefix: String) -> String? {
            detail?["\(prefix)user"]?.string ?? detail?["\(prefix)uid"]?.int.map { "#\($0)" }
        }
        if let user = word("") {
            let login = word("login_") ?? user
            name = login == user ? user : "\(login) as \(user)"
        } else if let (kind, word) = ["token", "session"].lazy.compactMap({ kind in
            detail?[kind]?.string.map { (kind, $0) }
        }).first {
            name = "\(kind) \(word)" + (detail?["address"]?.string.map { " at \($0)" } ?? "")
        } else {
            return nil
        }
        comment = detail?["comment"]?.string
    }

    /// "alice as dropgate (CHG-1)"
    package var text: String { comment.map { "\(name) (\($0))" } ?? name }
}
