// Logging in: which methods are offered, and a try with one credential. No credential is kept.
import Admission
import CLibSSH2
import Foundation

package enum SSHCredential: Sendable {
    case key(PrivateKeyFile)
    case password([UInt8])
    /// The agent at $SSH_AUTH_SOCK.
    case agent
}

extension SSHSession {
    /// The methods that the server offers to a user: `publickey`, `password`, …. None when it asks for nothing.
    package func methods(for user: String) throws(SSHError) -> [String] {
        try prepare()
        guard let list = libssh2_userauth_list(raw, user, UInt32(user.utf8.count)) else {
            if libssh2_userauth_authenticated(raw) != 0 { return [] }
            throw lastError()
        }
        return String(cString: list).split(separator: ",").map { UntrustedText.head($0, limit: 64) }
    }

    package func logIn(_ user: String, _ credential: SSHCredential) throws(SSHError) {
        let length = UInt32(user.utf8.count)
        try prepare()
        switch credential {
        case .key(let file):
            let phrase = file.passphrase.map { $0.map(CChar.init(bitPattern:)) + [0] }
            try check(
                libssh2_userauth_publickey_fromfile_ex(raw, user, length, nil, file.path, phrase ?? [0]))
        case .password(let bytes):
            let password = bytes.map(CChar.init(bitPattern:))
            try check(
                libssh2_userauth_password_ex(raw, user, length, password, UInt32(password.count), nil))
        case .agent:
            try logInByAgent(user)
        }
    }

    /// Offers the agent's keys one after the other.
    private func logInByAgent(_ user: String) throws(SSHError) {
        guard let agent = libssh2_agent_init(raw) else { throw lastError() }
        defer { libssh2_agent_free(agent) }
        try check(libssh2_agent_connect(agent))
        defer { libssh2_agent_disconnect(agent) }
        try check(libssh2_agent_list_identities(agent))
        var previous: UnsafeMutablePointer<libssh2_agent_publickey>?
        var refusal = SSHError(LIBSSH2_ERROR_FILE, "the agent has no key")
        while true {
            var identity: UnsafeMutablePointer<libssh2_agent_publickey>?
            guard try check(libssh2_agent_get_identity(agent, &identity, previous)) == 0 else {
                throw refusal
            }
            try prepare()
            let result = libssh2_agent_userauth(agent, user, identity)
            if result == 0 { return }
            refusal = lastError(result)
            guard refusal.isRefusal else { throw refusal }
            previous = identity
        }
    }
}
