// Who asks something of a gate. Entries of the ledger say so, whichever way it came.
package import Admission
package import JSON

package enum Principal: Sendable, Hashable {
    /// A user of this machine.
    case localUser(LocalUser)
    /// Somebody at the console.
    case console(session: String, address: IPAddress)
    /// A program with a token of the console.
    case token(name: String, role: TokenRole, address: IPAddress?)

    /// The user of this process.
    package static var current: Principal { .localUser(.current) }

    /// What an entry's detail says of it.
    package var facts: [String: JSONValue] {
        switch self {
        case .localUser(let user): user.facts
        case .console(let session, let address):
            ["session": .string(session), "address": .string(address.description)]
        case .token(let name, let role, let address):
            ["token": .string(name), "role": .string(role.rawValue)].merging(
                address.map { ["address": .string($0.description)] } ?? [:]
            ) { $1 }
        }
    }

    /// The members that `facts` may have: nobody else may write them.
    static let members: Set<String> = [
        "uid", "user", "login_uid", "login_user", "claimed", "session", "address", "token", "role",
    ]
}
