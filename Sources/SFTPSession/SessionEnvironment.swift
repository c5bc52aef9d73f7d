// What sshd tells a session, by variables of its environment (sshd(8), sshd_config(5)).
import Glibc

package struct SessionEnvironment: Sendable {
    /// SSH_ORIGINAL_COMMAND: what the client wanted to run; nil: a shell.
    package var command: String?
    /// SSH_CONNECTION: client address, client port, server address, server port. Empty where it is not set.
    package var connection: String
    /// USER, or else LOGNAME: the account's name. Empty where neither is set.
    package var user: String
    /// SSH_USER_AUTH: the path of a file that says how the client logged in.
    package var authentication: String?

    package init(
        command: String? = nil, connection: String = "", user: String = "", authentication: String? = nil
    ) {
        self.command = command
        self.connection = connection
        self.user = user
        self.authentication = authentication
    }

    /// The process's own.
    package static var current: SessionEnvironment {
        SessionEnvironment(
            command: variable("SSH_ORIGINAL_COMMAND"), connection: variable("SSH_CONNECTION") ?? "",
            user: variable("USER") ?? variable("LOGNAME") ?? "", authentication: variable("SSH_USER_AUTH"))
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
