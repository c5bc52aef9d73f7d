// How a request to an SFTP server ends other than well. Status codes: draft-ietf-secsh-filexfer-02, section 7.

package enum SFTPError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The server's answer: its code and its own words, printable.
    case status(code: UInt32, text: String)
    /// The connection failed below SFTP.
    case connection(SSHError)
    /// The channel ended; what the server wrote to its error stream, printable.
    case ended(String)
    /// The server's bytes are not SFTP.
    case malformed(String)

    package static let noSuchFile: UInt32 = 2
    package static let permissionDenied: UInt32 = 3
    package static let failure: UInt32 = 4

    package var isNoSuchFile: Bool {
        if case .status(Self.noSuchFile, _) = self { true } else { false }
    }

    /// The other side said nothing for longer than it may.
    package var isTimeout: Bool {
        if case .connection(let error) = self { error.isTimeout } else { false }
    }

    package var description: String {
        switch self {
        case .status(let code, let text):
            "status \(code)" + (text.isEmpty ? Self.word(code).map { " (\($0))" } ?? "" : ": \(text)")
        case .connection(let error): error.description
        case .ended(let words): "the server ended the session" + (words.isEmpty ? "" : ": \(words)")
        case .malformed(let what): "the server's answer is not SFTP: \(what)"
        }
    }

    private static func word(_ code: UInt32) -> String? {
        switch code {
        case 1: "end of file"
        case 2: "no such file"
        case 3: "permission denied"
        case 4: "failure"
        case 5: "bad message"
        case 8: "not supported"
        default: nil
        }
    }
}
