// Who asks something of a gate. Entries of the ledger say so, whichever way it came.
package import Admission
package import Foundation
package import JSON

package enum Principal: Sendable, Hashable {
    /// A user of this machine.
    case localUser(uid_t)
    /// Somebody at the console.
    case console(session: String, address: IPAddress)

    /// The user of this process.
    package static var current: Principal { .localUser(geteuid()) }

    /// What an entry's detail says of it. The name of a local user is left out where the system knows none.
    package var facts: [String: JSONValue] {
        switch self {
        case .localUser(let uid):
            var facts: [String: JSONValue] = ["uid": .int(Int64(uid))]
            facts["user"] = Self.name(of: uid).map(JSONValue.string)
            return facts
        case .console(let session, let address):
            return ["session": .string(session), "address": .string(address.description)]
        }
    }

    private static func name(of uid: uid_t) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil,
            let name = entry.pw_name
        else { return nil }
        return UntrustedText.head(String(cString: name))
    }
}
