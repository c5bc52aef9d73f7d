// How the process of sshd ended that served one connection.

enum SSHDEnding: Sendable, Hashable, CustomStringConvertible {
    case exit(status: Int32)
    case signal

    /// - Parameter status: its exit status; nil when a signal ended it.
    init(status: Int32?) { self = status.map(Self.exit) ?? .signal }

    /// "sshd …"
    var description: String {
        switch self {
        case .exit(let status): "ended with exit status \(status)"
        case .signal: "was ended by a signal"
        }
    }
}
