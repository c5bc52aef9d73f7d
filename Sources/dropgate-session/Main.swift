// The session's executable, which sshd starts for every login: hands its arguments to SFTPSession and exits with what comes
// back. It depends on SFTPSession alone, so that nothing of the daemon can get into it; `.ci/links` looks at what is in it.
import Glibc
import SFTPSession

@main
struct Main {
    static func main() {
        exit(SessionProgram.run(Array(CommandLine.arguments.dropFirst()), environment: .current))
    }
}
