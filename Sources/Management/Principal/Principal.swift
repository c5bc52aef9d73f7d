// Who asks something of a gate. Entries of the ledger say so, whichever way it came.
package import Admission
package import JSON

package enum Principal: Sendable, Hashable {
    /// A user of this machine.
    case localUser(LocalUser)
    /// Somebody who has signed in at the console's pages with a token.
    case browser(session: String, token: String, role: TokenRole, address: IPAddress?)
    /// A program with a token of the console.
    case token(name: String, role: TokenRole, address: IPAddress?)

    /// The user of this process.
    package static var current: Principal { .localUser(.current) }

    /// What an entry's detail says of it.
    package var facts: [String: JSONValue] {
        switch self {
        case .localUser(let user): user.facts
        case .browser(let session, let name, let role, let address):
            Self.facts(name, role, address).merging(["session": .string(session)]) { $1 }
        case .token(let name, let role, let address): Self.facts(name, role, address)
        }
    }

    private static func facts(
        _ name: String, _ role: TokenRole, _ address: IPAddress?
    ) -> [String: JSONValue] {
        ["token": .string(name), "role": .string(role.rawValue)].merging(
            address.map { ["address": .string($0.description)] } ?? [:]
        ) { $1 }
    }

    /// The members that `facts` may have: nobody else may write them.
    static let members: Set<String> = [
        "uid", "user", "login_uid", "login_user", "claimed", "session", "address", "token", "role",
    ]
}
