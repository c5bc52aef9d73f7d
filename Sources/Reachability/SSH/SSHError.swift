// What libssh2 says when it fails, as a value. It does not judge what the failure means.
import Admission
import CLibSSH2

package struct SSHError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A code of libssh2 (`LIBSSH2_ERROR_…`), negative.
    package let code: Int32
    /// The library's words, printable.
    package let text: String
    /// Whether the other side had closed the connection by then.
    package let isClosed: Bool

    init(_ code: Int32, _ text: String, isClosed: Bool = false) {
        self.code = code
        self.text = UntrustedText.head(text, limit: 200)
        self.isClosed =
            isClosed || code == LIBSSH2_ERROR_SOCKET_DISCONNECT || code == LIBSSH2_ERROR_SOCKET_SEND
    }

    static let timedOut = SSHError(LIBSSH2_ERROR_TIMEOUT, "the time was over")

    package var isTimeout: Bool {
        code == LIBSSH2_ERROR_TIMEOUT || code == LIBSSH2_ERROR_SOCKET_TIMEOUT
    }

    /// The credential was looked at and not taken.
    package var isRefusal: Bool {
        code == LIBSSH2_ERROR_AUTHENTICATION_FAILED || code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED
    }

    /// The private key could not be read on this side.
    package var isKeyFile: Bool { code == LIBSSH2_ERROR_FILE }

    package var description: String { "\(text) (libssh2 \(code))" }
}
