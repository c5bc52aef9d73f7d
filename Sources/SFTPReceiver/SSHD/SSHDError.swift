// Why sshd cannot be used: a code for programs, a message for the person who can mend it.
import Staging

package struct SSHDError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        package let description: String
        private init(_ description: String) { self.description = description }

        /// OpenSSH's sshd or the session's program is not installed, cannot be run, or is not of this build.
        package static let missing = Code("missing")
        /// A path that sshd's configuration cannot hold.
        package static let badPath = Code("bad_path")
        /// sshd does not take the generated configuration.
        package static let refused = Code("refused")
        /// A host key is missing or unusable.
        package static let hostKey = Code("host_key")
        /// The file system refused.
        package static let failed = Code("failed")
        /// There is no room for its files or for another process, or a program took too long: that may pass.
        package static let busy = Code("busy")
    }

    package let code: Code
    /// What is wrong and what to do about it.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Of a file of sshd's.
    init(_ error: StagingError) { self.init(error.code == .full ? .busy : .failed, error.description) }

    package var description: String { message }
}
