// Who sudo was called by, as sudo has it in the environment (sudo(8)). Whoever starts a command sets its environment: this is
// a claim, and entries call it one.
import Admission
import Foundation
import JSON

package struct SudoClaim: Codable, Sendable, Hashable {
    /// SUDO_USER.
    package let user: String
    /// SUDO_UID.
    package let uid: UInt32

    /// nil unless both are there and well formed.
    package init?(environment: [String: String]) {
        guard let user = environment["SUDO_USER"], !user.isEmpty, let number = environment["SUDO_UID"],
            !number.isEmpty, number.allSatisfy({ $0.isASCII && $0.isNumber }), let uid = UInt32(number)
        else { return nil }
        self.user = user
        self.uid = uid
    }

    static var current: SudoClaim? { SudoClaim(environment: ProcessInfo.processInfo.environment) }

    var facts: JSONValue {
        ["sudo_user": .string(UntrustedText.head(user)), "sudo_uid": .int(Int64(uid))]
    }
}
