// `dropgate probe sftp`: can VSee log in and put a file on this SFTP server, and if not, at which step does it fail?
import ArgumentParser
import Files
import Management
import Reachability
import Settings

/// Whom to log in as and by what, and which host key to expect: for all that log in over SSH.
struct SSHOptionGroup: ParsableArguments {
    @Option(help: ArgumentHelp("The account to log in as; also in the URL.", valueName: "name"))
    var user: String?

    @Option(
        help: ArgumentHelp("The private key; its owner's alone.", valueName: "file"), completion: .file())
    var key: String?

    @Option(
        help: ArgumentHelp("The file that holds the key's passphrase.", valueName: "file"),
        completion: .file())
    var passphraseFile: String?

    @Option(
        help: ArgumentHelp(
            "The file that holds the account's password; its owner's alone.", valueName: "file"),
        completion: .file())
    var passwordFile: String?

    @Flag(help: "Log in by a key of the agent at $SSH_AUTH_SOCK.")
    var agent = false

    @Option(
        help: ArgumentHelp(
            "The host key's fingerprint, SHA256:… as ssh-keygen -l prints it; repeatable.",
            valueName: "fingerprint"))
    var hostKey: [String] = []

    @Option(
        help: ArgumentHelp("Expect the host key that this known_hosts file has.", valueName: "file"),
        completion: .file())
    var knownHosts: String?

    func validate() throws {
        let ways = [key != nil, passwordFile != nil, agent].count(where: \.self)
        guard ways <= 1 else { throw ValidationError("give one of --key, --password-file and --agent") }
        guard passphraseFile == nil || key != nil else {
            throw ValidationError("--passphrase-file is of a key: give --key too")
        }
        guard hostKey.isEmpty || knownHosts == nil else {
            throw ValidationError("give --host-key or --known-hosts, not both")
        }
        if let user, user.isEmpty || user.utf8.count > 255 || user.utf8.contains(0) {
            throw ValidationError("--user: a name of 1 to 255 bytes")
        }
    }

    func target(_ text: String) throws -> SFTPTarget {
        do throws(SFTPTarget.Problem) {
            var target = try SFTPTarget(text)
            if let user { target.user = user }
            return target
        } catch { throw ValidationError(error.description) }
    }

    func credential() throws -> SSHCredential? {
        if agent { return .agent }
        if let passwordFile {
            let bytes = try secret(passwordFile, "--password-file")
            guard !bytes.contains(0) else {
                throw ManagementError(
                    .invalid, "--password-file: \(passwordFile) holds a NUL, which no password has")
            }
            return .password(bytes)
        }
        guard let key else { return nil }
        let phrase = try passphraseFile.map { try secret($0, "--passphrase-file") }
        do throws(FileProblem) {
            return .key(try PrivateKeyFile(path: Paths.absolute(key), passphrase: phrase))
        } catch { throw ManagementError(.invalid, "--key: \(error)") }
    }

    func pins(for target: SFTPTarget) throws -> HostKeyPins? {
        if let knownHosts {
            do throws(FileProblem) {
                let text = try FileReading.text(Paths.absolute(knownHosts))
                return HostKeyPins(
                    knownHosts: text, host: target.host, port: target.port, origin: knownHosts)
            } catch { throw ManagementError(.invalid, "--known-hosts: \(error)") }
        }
        guard !hostKey.isEmpty else { return nil }
        do throws(HostKeyPins.Problem) {
            return try HostKeyPins(fingerprints: hostKey, origin: "--host-key")
        } catch { throw ValidationError(error.description) }
    }

    private func secret(_ file: String, _ option: String) throws -> [UInt8] {
        do throws(FileProblem) { return try FileReading.secret(Paths.absolute(file)) } catch {
            throw ManagementError(.invalid, "\(option): \(error)")
        }
    }
}

struct ProbeSFTPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sftp", abstract: "Log in over SFTP as VSee would, put a marker and remove it.",
        discussion: """
            Without --key, --password-file or --agent the probe ends before the login: reachable, not logged in. \
            The marker has a provisional name; a gate releases it to nobody and records a probe.

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

    /// Asked for its login methods when no account is named.
    private static let nobody = "dropgate-probe"

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
            return SFTPProbe(
                target: target, user: target.user ?? Self.nobody, credential: try login.credential(),
                pins: try login.pins(for: target))
        }
        let chosen = try options.options()
        try await printer.run(chosen) { notify in await probe.run(chosen, notify: notify) }
    }
}
