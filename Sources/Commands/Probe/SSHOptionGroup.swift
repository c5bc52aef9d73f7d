// Whom to log in as and by what, and which host key to expect: options of all commands that log in over SSH.
import ArgumentParser
import Files
import Management
import Reachability

struct SSHOptionGroup: ParsableArguments {
    @Option(help: ArgumentHelp("The account to log in as; the URL can name it, too.", valueName: "name"))
    var user: String?

    @Option(
        help: ArgumentHelp("The private key file; only its owner may be able to read it.", valueName: "file"),
        completion: .file(),
        transform: ArgumentText.notEmpty)
    var key: String?

    @Option(
        help: ArgumentHelp("The file that holds the key's passphrase.", valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var passphraseFile: String?

    @Option(
        help: ArgumentHelp(
            "The file with the account's password; only its owner may be able to read it.", valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var passwordFile: String?

    @Flag(help: "Log in with a key from the agent at $SSH_AUTH_SOCK.")
    var agent = false

    @Option(
        help: ArgumentHelp(
            "The host key's fingerprint, SHA256:… as ssh-keygen -l prints it; repeatable.",
            valueName: "fingerprint"))
    var hostKey: [String] = []

    @Option(
        help: ArgumentHelp(
            "Expect the host key that this known_hosts file has for the server.", valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var knownHosts: String?

    func validate() throws {
        let ways = [key != nil, passwordFile != nil, agent].count(where: \.self)
        guard ways <= 1 else { throw ValidationError("give one of --key, --password-file and --agent") }
        guard passphraseFile == nil || key != nil else {
            throw ValidationError("--passphrase-file belongs to a key: give --key, too")
        }
        guard hostKey.isEmpty || knownHosts == nil else {
            throw ValidationError("give --host-key or --known-hosts, not both")
        }
        if let user, user.isEmpty || user.utf8.count > 255 || user.utf8.contains(0) {
            throw ValidationError("--user: give a name of 1 to 255 bytes")
        }
    }

    func target(_ text: String) throws -> SFTPTarget {
        do throws(TargetError) {
            var target = try SFTPTarget(text)
            if let user { target.user = user }
            return target
        } catch { throw ValidationError(error.description) }
    }

    func credential() throws -> SSHCredential? {
        if agent { return .agent }
        if let passwordFile {
            let bytes = try ArgumentText.secret(passwordFile, "--password-file")
            guard !bytes.contains(0) else {
                throw ManagementError(
                    .invalid, "--password-file: \(passwordFile) holds a NUL, which no password has")
            }
            return .password(bytes)
        }
        guard let key else { return nil }
        let phrase = try passphraseFile.map { try ArgumentText.secret($0, "--passphrase-file") }
        do throws(FileError) {
            return .key(try PrivateKeyFile(path: Paths.absolute(key), passphrase: phrase))
        } catch { throw ManagementError(.invalid, "--key: \(error)", cause: error) }
    }

    func pins(for target: SFTPTarget) throws -> HostKeyPins? {
        if let knownHosts {
            do throws(FileError) {
                let text = try FileReading.text(Paths.absolute(knownHosts))
                return HostKeyPins(
                    knownHosts: text, host: target.host, port: target.port, origin: knownHosts)
            } catch { throw ManagementError(.invalid, "--known-hosts: \(error)", cause: error) }
        }
        guard !hostKey.isEmpty else { return nil }
        do throws(TargetError) {
            return try HostKeyPins(fingerprints: hostKey, origin: "--host-key")
        } catch { throw ValidationError(error.description) }
    }
}
