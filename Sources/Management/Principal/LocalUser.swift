// A user of this machine: what the kernel says of the process that asks, and what that process says of itself.
import Admission
import CShims
import Files
package import Foundation
import JSON

package struct LocalUser: Sendable, Hashable {
    /// The user that the process runs as. The kernel's word.
    package let uid: uid_t
    /// Who has logged in, kept through su and sudo: the audit login user (pam_loginuid(8)). The kernel's word; nil for a
    /// process of no login, as cron's and a container's are, or where the kernel does not tell.
    package let login: uid_t?
    /// What the process says of itself: it can say anything.
    package let claim: SudoClaim?

    package init(_ uid: uid_t, login: uid_t? = nil, claim: SudoClaim? = nil) {
        self.uid = uid
        self.login = login
        self.claim = claim
    }

    /// Of this process.
    package static var current: LocalUser {
        var login: UInt32 = 0
        let hasLogin = dropgate_login_user(&login) == 0
        return LocalUser(geteuid(), login: hasLogin ? login : nil, claim: .current)
    }

    /// Names are left out where the system knows none.
    var facts: [String: JSONValue] {
        var facts: [String: JSONValue] = ["uid": .int(Int64(uid))]
        facts["user"] = Self.name(uid)
        if let login {
            facts["login_uid"] = .int(Int64(login))
            facts["login_user"] = Self.name(login)
        }
        facts["claimed"] = claim?.facts
        return facts
    }

    private static func name(_ uid: uid_t) -> JSONValue? {
        SystemUser.name(of: uid).map { .string(UntrustedText.head($0)) }
    }
}
