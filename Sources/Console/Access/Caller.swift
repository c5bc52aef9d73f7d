// Who asks, and how the console knows: by a token that the request carries, or by the cookie of a browser that signed in with one.
import Admission
import Management

struct Caller: Sendable {
    let name: String
    let role: TokenRole
    /// nil: the request itself carries the token.
    let session: Session?

    init(_ holder: TokenBook.Holder, session: Session? = nil) {
        name = holder.name
        role = holder.role
        self.session = session
    }

    func may(_ permission: Permission) -> Bool { role.may(permission) }

    func principal(from peer: Endpoint?) -> Principal {
        guard let session else { return .token(name: name, role: role, address: peer?.ip) }
        return .browser(session: session.id, token: name, role: role, address: peer?.ip)
    }
}
