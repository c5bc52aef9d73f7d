// The command line of the session's program, `dropgate-session`. sshd alone starts it, by the command that
// `SSHDConfiguration` writes, so it takes exactly that, and a question for its version.
import Admission
import Glibc

package enum SessionProgram {
    /// The file's name, wherever it is installed.
    package static let name = "dropgate-session"
    /// What it prints for `--version`. A gate starts no sshd with a program that prints something else: it would be of another
    /// release, or of a build whose messages the daemon refuses.
    package static let version = "\(name) \(Product.version), messages of version \(SessionIPC.version)"

    /// What one command line asks for.
    enum Request: Equatable {
        /// To serve a session on standard input and output; the daemon listens on this Unix socket.
        case serve(socket: String)
        case version

        /// nil for anything else than `--socket` with an absolute path, or `--version`.
        init?(_ arguments: [String]) {
            switch arguments.count {
            case 2 where arguments[0] == "--socket" && arguments[1].hasPrefix("/"):
                self = .serve(socket: arguments[1])
            case 1 where arguments[0] == "--version":
                self = .version
            default:
                return nil
            }
        }
    }

    /// Runs one command line to its end.
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - environment: as sshd has set it.
    /// - Returns: the exit status: that of `runSession`, 0 for the version, 64 for arguments that it does not take.
    package static func run(_ arguments: [String], environment: SessionEnvironment) -> Int32 {
        switch Request(arguments) {
        case .serve(let socket):
            return runSession(
                socket: socket, environment: environment, input: STDIN_FILENO, output: STDOUT_FILENO)
        case .version:
            print(version)
            return 0
        case nil:
            let usage = Array("usage: \(name) --socket PATH | --version; sshd starts it, for the gate\n".utf8)
            _ = write(STDERR_FILENO, usage, usage.count)
            return 64
        }
    }
}
