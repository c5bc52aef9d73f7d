// The configuration that sshd is started with, as text. Pure. Everything a drop box does not need is off,
// and every directive is written down: nothing rests on a default that a distribution may have changed.
import Accounts
import SFTPSession

/// What the generated sshd_config(5) depends on.
struct SSHDConfiguration: Sendable, Hashable {
    /// Private host key files, absolute.
    var hostKeys: [String]
    /// The session's program, absolute: sshd starts `SESSION --socket …` for each login.
    var session: String
    /// The daemon's Unix socket, absolute.
    var socket: String
    /// The directory that holds one file of authorized keys an account.
    var keys: String
    /// Whether any account has a password.
    var takesPasswords: Bool
    /// Whether the accounts have uid 0, because the service runs as root.
    var isRoot: Bool
    /// Seconds.
    var loginGrace: Int
    /// Seconds.
    var idleTimeout: Int
    /// Channels of one connection.
    var maxSessions: Int
    /// Failed logins before a connection is ended; sshd counts every key that a client offers.
    var maxAuthTries: Int
    /// Whether `plainMACs` are offered too.
    var encryptAndMAC: Bool
    /// Key exchange methods beyond `baseKeyExchange`, best first.
    var newKeyExchange: [String] = []

    /// New in OpenSSH 9.9: offered when the installed one takes it.
    static let optionalKeyExchange = ["mlkem768x25519-sha256"]

    /// Whether it is worth a try.
    /// - Parameter version: as sshd says it, `OpenSSH_9.2p1 …`; nil, or anything else: it may be a newer one.
    static func mayTakeOptionalKeyExchange(_ version: String?) -> Bool {
        guard let version, version.hasPrefix("OpenSSH_") else { return true }
        let numbers = version.dropFirst("OpenSSH_".count).prefix { $0 == "." || ("0"..."9").contains($0) }
            .split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return true }
        return (major, minor) >= (9, 9)
    }

    static let baseKeyExchange = [
        "sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
    ]
    static let ciphers = [
        "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr",
        "aes192-ctr", "aes128-ctr",
    ]
    static let macs = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"]
    /// Encrypt-and-MAC, the last choice: libssh2 1.10 and JSch 0.1 know neither the MACs above nor an AEAD cipher.
    static let plainMACs = ["hmac-sha2-256", "hmac-sha2-512"]
    /// sshd offers those of which it has a key. `HostKeys.examine` refuses a key for which there is none.
    static let hostKeyAlgorithms = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
        "rsa-sha2-256",
    ]
    static let userKeyAlgorithms = [
        "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512", "rsa-sha2-256",
    ]

    var text: String {
        let command = "exec \(Self.shellWord(session)) --socket \(Self.shellWord(socket))"
        var lines = ["# Made by dropgate at every start and change of accounts; edits are lost."]
        lines += hostKeys.map { "HostKey \"\($0)\"" }
        lines += algorithms + logins
        lines += [
            "ForceCommand \(command)",
            "Subsystem sftp \(SessionIPC.subsystemCommand)",
            "MaxSessions \(maxSessions)",
            "DisableForwarding yes",
            "PermitTTY no",
            "PermitTunnel no",
            "PermitUserEnvironment no",
            "PermitUserRC no",
            "PermitListen none",
            "PermitOpen none",
            "Compression no",
            "PrintMotd no",
            "PrintLastLog no",
            "UseDNS no",
            "PidFile none",
            "LogLevel VERBOSE",
            // Which methods a caller asks for. sshd says nothing at VERBOSE of one that it does not offer.
            "LogVerbose auth2.c:input_userauth_request():*",
            "TCPKeepAlive yes",
            "ClientAliveInterval \(max(1, min(60, idleTimeout / 3)))",
            "ClientAliveCountMax 3",
            "ChannelTimeout session:*=\(idleTimeout)",
            "UnusedConnectionTimeout \(idleTimeout)",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private var algorithms: [String] {
        [
            "KexAlgorithms \((newKeyExchange + Self.baseKeyExchange).joined(separator: ","))",
            "Ciphers \(Self.ciphers.joined(separator: ","))",
            "MACs \((Self.macs + (encryptAndMAC ? Self.plainMACs : [])).joined(separator: ","))",
            "HostKeyAlgorithms \(Self.hostKeyAlgorithms.joined(separator: ","))",
            "PubkeyAcceptedAlgorithms \(Self.userKeyAlgorithms.joined(separator: ","))",
            "RequiredRSASize \(AuthorizedKey.rsaBits.lowerBound)",
        ]
    }

    private var logins: [String] {
        [
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin \(isRoot ? "yes" : "no")",
            "PubkeyAuthentication yes",
            "AuthorizedKeysFile \"\(Self.tokenWord(keys))/%u\"",
            "AuthorizedKeysCommand none",
            "AuthorizedPrincipalsFile none",
            "TrustedUserCAKeys none",
            "PasswordAuthentication \(takesPasswords ? "yes" : "no")",
            "PermitEmptyPasswords no",
            "KbdInteractiveAuthentication no",
            "HostbasedAuthentication no",
            "LoginGraceTime \(loginGrace)",
            "MaxAuthTries \(maxAuthTries)",
            "ExposeAuthInfo yes",
        ]
    }

    /// What a path must not hold: sshd and the shell read quotes and backslashes differently, and no
    /// spelling means the same to both.
    static func isWritable(path: String) -> Bool {
        !path.unicodeScalars.contains {
            $0.value < 0x20 || $0.value == 0x7F || "'\"\\".unicodeScalars.contains($0)
        }
    }

    /// One word of a POSIX shell command. The path is one that `isWritable` takes.
    private static func shellWord(_ path: String) -> String { "'\(path)'" }

    /// An argument of a directive that knows `%` tokens.
    private static func tokenWord(_ path: String) -> String {
        path.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
    }
}
