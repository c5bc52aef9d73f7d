// `dropgate probe sftp`: can VSee log in and put a file on this SFTP server, and if not, at which step does it fail?
import ArgumentParser
import Management
import Reachability

struct ProbeSFTPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sftp", abstract: "Log in over SFTP as VSee would, upload a marker file and remove it.",
        discussion: """
            Without --key, --password-file or --agent the probe stops before the login: reachable, not logged in. \
            The marker has a temporary name: a gate never releases it, and records a probe.

            EXAMPLES
              dropgate probe sftp gate.example:2222
              dropgate probe sftp sftp://vsee@gate.example:2222/ --key id_ed25519 --host-key SHA256:…
              dropgate probe sftp gate.example --user vsee --password-file secret --known-hosts ~/.ssh/known_hosts
              dropgate probe sftp 10.0.0.5:2222 --proxy-protocol v2 --as 20.21.208.105 --format nagios
            """)

    @Argument(help: "HOST[:PORT] (port 22 when absent), or sftp://USER@HOST:PORT/DIRECTORY.")
    var server: String

    @OptionGroup(title: "Login") var login: SSHOptionGroup
    @OptionGroup var options: ProbeOptionGroup

    func validate() throws {
        let target = try login.target(server)
        let logsIn = login.key != nil || login.passwordFile != nil || login.agent
        guard target.user != nil || !logsIn else {
            throw ValidationError("name the account: --user NAME, or sftp://NAME@HOST:PORT/")
        }
        if login.knownHosts == nil { _ = try login.pins(for: target) }
    }

    func run() async throws {
        let printer = ProbePrinter(kind: "sftp", format: options.format)
        let probe = try printer.prepare {
            let target = try login.target(server)
            return ProbeService.sftp(
                target, credential: try login.credential(), pins: try login.pins(for: target))
        }
        let chosen = try options.options()
        try await printer.run(.sftp(probe), chosen)
    }
}
