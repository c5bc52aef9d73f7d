// The section `sftp`: the SFTP listener. A key is declared here, beside the value that it fills.
import Admission

/// What a sender may do with a released file that nobody has taken.
package enum AfterRelease: String, Sendable, CaseIterable {
    /// Rename it, withdraw it, replace it.
    case change
    case refuse
}

package struct SFTPSettings: Sendable {
    package var listen: ListenAddress
    /// Private host key files, absolute.
    package var hostKeys: [String]
    package var address = AddressSettings(mode: .direct, trustedProxies: [])
    /// Bytes of one uploaded file.
    package var maxFile: Int64 = 10 << 30
    /// How long an interrupted upload waits in `incoming/` for the sender to resume it.
    package var resumeFor: Duration = .seconds(24 * 3600)
    package var loginGrace: Duration = .seconds(30)
    package var idleTimeout: Duration = .seconds(900)
    package var maxConnections: Int = 64
    package var maxConnectionsPerSource: Int = 16
    /// SSH channels of one connection, and failed logins before it is ended: what sshd has without settings.
    package var maxSessions: Int = 10
    package var maxAuthTries: Int = 6
    /// Encrypt-and-MAC as the last choice, for clients that know nothing better (libssh2 1.10, JSch 0.1).
    package var encryptAndMAC = true
    /// Shell patterns (`*`, `?`) of temporary names, each for one component of a path, in any case: what has one is
    /// delivered when it is renamed to a final name.
    package var provisional = SFTPSettings.usualProvisional
    /// How long an accepted file waits before it is released, so that its sender may rename or withdraw it.
    package var settle: Duration = .seconds(5)
    package var afterRelease = AfterRelease.change
    /// What one account may have in staging that nobody has taken: bytes, and files and directories.
    package var maxPendingBytes: Int64 = 100 << 30
    package var maxPendingNames = 100_000

    package init(listen: ListenAddress, hostKeys: [String]) {
        self.listen = listen
        self.hostKeys = hostKeys
    }

    /// What clients and partners call files that are still being written, or directories of such files.
    package static let usualProvisional = [
        "*.filepart", "*.part", "*.partial", "*.tmp", "*.temp", "*.writing", "*.uploading", "*.inprogress",
        "*.in_progress", "*.in-progress", "*.incomplete", "*.new", "*.crdownload", ".*", "*~", "tmp", "temp",
        "uploading", "inprogress", "in_progress", "in-progress",
    ]

    /// The host keys that `dropgate init` makes, in the order in which they are offered.
    package static func defaultHostKeys(state: String) -> [String] {
        ["ssh_host_ed25519_key", laterHostKey, "ssh_host_rsa_key"].map {
            "\(StateLayout(state).keys)/\($0)"
        }
    }

    /// A state directory that an earlier version made has no such key until `init` is run again.
    package static let laterHostKey = "ssh_host_ecdsa_key"
}

extension SFTPSettings: SettingsSection {
    static var standard: Self { Self(listen: .nowhere, hostKeys: []) }

    /// SSH has no requests whose headers could tell the source.
    static let modes = AddressMode.allCases.filter { $0.requestHeader == nil }

    private typealias Key = Setting<SFTPSettings>

    @SettingsList<SFTPSettings> static var keys: [Setting<SFTPSettings>] {
        Key(.sftpListen)
        Key(.sftpHostKeys)
        Key(.sftpAddress)
        Key(.sftpTrustedProxies)
        Key(.sftpMaxFile, \.maxFile, .size(1...(1 << 50)))
        Key(
            "sftp.resume_for", \.resumeFor, .duration(.zero ... .seconds(366 * 86400)),
            """
            How long an interrupted upload, or one under a temporary name, waits for its sender before it goes to quarantine.
            """)
        Key(
            "sftp.login_grace", \.loginGrace, .duration(.seconds(1) ... .seconds(3600)),
            "How long a login may take.", line: TemplateLine(comment: .none))
        Key(
            "sftp.idle_timeout", \.idleTimeout, .duration(.seconds(1) ... .seconds(86400)),
            "How long a session is kept in which nothing happens.", line: TemplateLine(comment: .none))
        Key(.sftpMaxConnections, \.maxConnections, .integer(SettingsBuilder.connections))
        Key(.sftpMaxConnectionsPerSource, \.maxConnectionsPerSource, .integer(SettingsBuilder.connections))
        // Every channel is a process, and every try a guess: beyond these bounds a limit is none.
        Key(
            "sftp.max_sessions", \.maxSessions, .integer(1...1000), "Channels of one connection at once.",
            line: TemplateLine(
                comment: .heading(
                    """
                    Per connection: channels at once, and failed logins before it is ended (each key that a client offers counts as one).
                    """)))
        Key(
            "sftp.max_auth_tries", \.maxAuthTries, .integer(1...100),
            "Failed logins before a connection is ended.", line: TemplateLine(comment: .none))
        Key(
            "sftp.encrypt_and_mac", \.encryptAndMAC, .flag,
            """
            Also offers hmac-sha2-256 and hmac-sha2-512 over the plain text, as the last choice. libssh2 1.10 (curl, `dropgate probe` and
            `dropgate pull` of Debian 12) and JSch 0.1 know nothing better that is offered here. `false` offers only encrypt-then-MAC
            and the AEAD ciphers, and keeps those clients out.
            """)
        Key(
            "sftp.provisional", \.provisional, .temporaryNames,
            """
            Temporary names, of a file or of a directory above it, in upper or lower case: such a file is delivered once it is
            renamed to a final name.
            """)
        Key(
            "sftp.settle", \.settle, .duration(.zero ... .seconds(3600)),
            """
            How long an accepted file waits before its consumer sees it: its sender may rename or withdraw it until then.
            """, line: TemplateLine(follows: "sftp.resume_for"))
        Key(
            "sftp.after_release", \.afterRelease, .word,
            """
            What a sender may do with a released file that nobody has taken: change (rename, replace, withdraw; each is recorded,
            and what it withdraws goes to quarantine) or refuse.
            """, line: TemplateLine(follows: "sftp.settle"))
        Key(.sftpMaxPendingBytes, \.maxPendingBytes, .size(1...(1 << 60)))
        Key(
            "sftp.max_pending_names", \.maxPendingNames, .integer(1...10_000_000),
            "How many files and directories one account may have waiting.",
            line: TemplateLine(comment: .none, follows: "sftp.max_pending_bytes"))
    }
}

/// Keys that `SettingsBuilder` names: it reads them with others, or finds contradictions between them.
extension SettingsKey {
    static let sftpListen = SettingsKey(
        "sftp.listen", "Address and port of the SFTP listener.",
        line: TemplateLine(value: .given("0.0.0.0:2222"), comment: .none))
    static let sftpHostKeys = SettingsKey(
        "sftp.host_keys",
        """
        Private host keys in the order in which they are offered: Ed25519, ECDSA or RSA, one per type, no passphrase. Default:
        what `dropgate init` makes in the state directory. If an earlier version made that, `init` adds the ECDSA key,
        for clients that know nothing newer (JSch 0.1); until then the gate offers the other two.
        """, isList: true,
        line: TemplateLine(
            value: .example(
                SFTPSettings.defaultHostKeys(state: GateSettings.standardState).map { "\n  - " + $0 }.joined()
            )))
    static let sftpAddress = SettingsKey(
        "sftp.address", "\(AddressSettings.list(of: SFTPSettings.modes)).",
        line: TemplateLine(value: .example("direct"), isSpaced: true))
    static let sftpTrustedProxies = SettingsKey(
        "sftp.trusted_proxies", "The CIDR blocks of the proxies, with proxy-protocol.", isList: true,
        line: TemplateLine(value: .example("[10.0.0.5/32]"), comment: .none))
    static let sftpMaxFile = SettingsKey(
        "sftp.max_file", "The largest file.", line: TemplateLine(comment: .none, isSpaced: true))
    static let sftpMaxConnections = SettingsKey(
        "sftp.max_connections", "Connections at once.", line: TemplateLine(comment: .none))
    static let sftpMaxConnectionsPerSource = SettingsKey(
        "sftp.max_connections_per_source", "Connections of one source at once.",
        line: TemplateLine(comment: .none))
    static let sftpMaxPendingBytes = SettingsKey(
        "sftp.max_pending_bytes",
        """
        How much one account may have in the gate that its consumer has not taken. No file can be larger: without max_file this
        limits each file, too.
        """, line: TemplateLine(follows: "sftp.after_release"))
}
