// The settings of a gate as validated, immutable values: what the rest of the program works with.
// Nothing here reads files or YAML; `SettingsLoader` makes these values and says what is wrong.
package import Admission

/// Everything `dropgate.yaml` says, validated. A listener whose section is absent is `nil`: off.
package struct GateSettings: Sendable {
    /// The state directory (absolute): ledger, staging, keys, sockets live here unless said otherwise.
    package var state: String
    /// The node's name, in every ledger entry.
    package var node: String
    package var webhook: WebhookSettings?
    package var sftp: SFTPSettings?
    package var console: ConsoleSettings?
    /// Source list files, absolute, sorted, after globbing.
    package var sources: [String]
    /// What `sources` was globbed from, absolute: looked at again by a running gate.
    package var sourcePatterns: [String] = []
    /// The directory of account files, absolute.
    package var accounts: String
    package var staging: StagingSettings
    package var ledger: LedgerSettings
    package var forward = ForwardSettings()
    /// Files of VSee's network rules, absolute, sorted, after globbing; and what they were globbed from.
    package var rules: [String] = []
    package var rulePatterns: [String] = []

    package init(
        state: String, node: String, webhook: WebhookSettings?, sftp: SFTPSettings?,
        console: ConsoleSettings?,
        sources: [String], accounts: String, staging: StagingSettings, ledger: LedgerSettings
    ) {
        self.state = state
        self.node = node
        self.webhook = webhook
        self.sftp = sftp
        self.console = console
        self.sources = sources
        self.accounts = accounts
        self.staging = staging
        self.ledger = ledger
    }
}

/// An address and port to listen on. Port 0 asks the system for a free one (tests).
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    package var ip: IPAddress
    package var port: UInt16

    package init(ip: IPAddress, port: UInt16) {
        self.ip = ip
        self.port = port
    }

    package var description: String { ip.isIPv4 ? "\(ip):\(port)" : "[\(ip)]:\(port)" }
}

/// A secret read from a file of its own. It never prints.
package struct Secret: Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package var description: String { "(secret)" }
}

/// What an unlisted source gets in direct mode.
package enum UnlistedAnswer: String, Sendable, CaseIterable {
    case close, refuse
    /// As `refuse`; and an event of VSee's form that shows the right secret is held for somebody to look at.
    case quarantine
}

/// How the source of a connection is learnt; see `AddressResolver`.
package struct AddressSettings: Sendable {
    package var mode: AddressMode
    package var trustedProxies: [CIDRBlock]

    package init(mode: AddressMode, trustedProxies: [CIDRBlock]) {
        self.mode = mode
        self.trustedProxies = trustedProxies
    }
}

package struct TLSSettings: Sendable {
    /// PEM files, absolute. Reloaded when they change.
    package var certificate: String
    package var key: String
    /// PEM file of the authorities that client certificates must chain to (mTLS), or nil: not asked for.
    package var clientAuthorities: String?
    /// Senders that know no cipher of TLS 1.2 with forward secrecy and authenticated encryption. They alone get others.
    package var oldSenders: [CIDRBlock] = []

    package init(certificate: String, key: String, clientAuthorities: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }
}

/// Checks beside the source address. Each is optional and none replaces the address check.
package struct WebhookChecks: Sendable {
    /// The secret last part of the path: `POST <path>/<secret>`.
    package var pathSecret: Secret?
    /// A header that must be present once with this value.
    package var header: (name: String, value: Secret)?
    /// HTTP basic authentication.
    package var basic: (user: String, password: Secret)?
    /// Standard Webhooks signing keys (decoded); any one of them may have signed. Empty: not asked for.
    package var standardWebhooks: [Secret]

    package var isAny: Bool {
        pathSecret != nil || header != nil || basic != nil || !standardWebhooks.isEmpty
    }

    package init(
        pathSecret: Secret? = nil, header: (name: String, value: Secret)? = nil,
        basic: (user: String, password: Secret)? = nil, standardWebhooks: [Secret] = []
    ) {
        self.pathSecret = pathSecret
        self.header = header
        self.basic = basic
        self.standardWebhooks = standardWebhooks
    }
}

package struct WebhookSettings: Sendable {
    package var listen: ListenAddress
    /// nil only when `plaintext: true` was said.
    package var tls: TLSSettings?
    package var path: String = "/webhooks/vsee"
    /// Where trusted proxies and listed sources ask whether the gate accepts.
    package var healthPath: String = "/healthz"
    package var checks = WebhookChecks()
    package var address = AddressSettings(mode: .direct, trustedProxies: [])
    package var unlisted = UnlistedAnswer.close
    /// With `unlisted: quarantine`: how many events are held at most, and their bytes in all.
    package var heldEvents: Int = 1000
    /// How long after a body without an event id the same one counts as its repeat. Senders repeat what was not
    /// answered within minutes; a later one is as a rule an event of its own that says the same.
    package var repeatWindow: Duration = .seconds(600)
    package var heldBytes: Int64 = 64 << 20
    /// Bytes; a longer body gets 413.
    package var maxBody: Int = 10 << 20
    /// From accept (or the end of the last response) to the end of the request's header.
    package var headerTimeout: Duration = .seconds(10)
    /// From the end of the header to the end of the body.
    package var bodyTimeout: Duration = .seconds(60)
    /// A kept-alive connection without a request.
    package var idleTimeout: Duration = .seconds(60)
    package var maxConnections: Int = 1024
    package var maxConnectionsPerSource: Int = 256

    package init(listen: ListenAddress, tls: TLSSettings?) {
        self.listen = listen
        self.tls = tls
    }
}

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
        ["ssh_host_ed25519_key", laterHostKey, "ssh_host_rsa_key"].map { "\(state)/keys/\($0)" }
    }

    /// A state directory that an earlier version made has no such key until `init` is run again.
    package static let laterHostKey = "ssh_host_ecdsa_key"
}

package struct ConsoleSettings: Sendable {
    package var listen: ListenAddress
    package var token: Secret
    /// Where the token was read from, absolute; empty in settings made by hand.
    package var tokenFile = ""

    package init(listen: ListenAddress, token: Secret) {
        self.listen = listen
        self.token = token
    }
}

/// How webhook events lie in `ready/webhook`: one file an event, or one NDJSON file a batch.
package enum WebhookLayout: String, Sendable, CaseIterable { case file, ndjson }

package struct StagingSettings: Sendable {
    package var path: String
    /// Free bytes to keep: below, webhooks and uploads are refused before they start.
    package var reserve: Int64 = 1 << 30
    /// Free inodes to keep.
    package var reserveInodes: Int64 = 1000
    package var layout = WebhookLayout.file
    /// After acknowledgement, how long file and receipt stay. nil: for ever.
    package var keepAcknowledged: Duration? = .seconds(24 * 3600)
    /// After quarantine, how long the file stays. nil: for ever.
    package var keepQuarantined: Duration? = .seconds(30 * 24 * 3600)
    /// How long the receipt of a drop that its consumer moved or deleted stays. nil: for ever.
    package var keepReceipts: Duration? = .seconds(90 * 24 * 3600)

    package init(path: String) { self.path = path }
}

/// Who keeps the ledger's checkpoints out of its own reach.
package enum WitnessSettings: Sendable, Hashable, CustomStringConvertible {
    /// A file, absolute; best on another mount.
    case file(String)
    /// `http` or `https`: POST of each checkpoint, GET of the newest.
    case http(String)
    /// Messages to the target of `forward.syslog`.
    case syslog

    /// What is shown of it, without secrets.
    package var description: String {
        switch self {
        case .file(let path): path
        case .http(let url): WitnessURL.shown(url)
        case .syslog: "syslog"
        }
    }
}

package struct LedgerSettings: Sendable {
    /// The SQLite file, absolute.
    package var path: String
    /// The private key that signs checkpoints, absolute; public keys, old ones too, lie beside it in `<key>.pub`.
    package var key: String
    /// How soon after an append a checkpoint is signed.
    package var checkpointEvery: Duration = .seconds(10)
    package var witnesses: [WitnessSettings] = []
    /// After how long entries move to compressed segment files. nil: never.
    package var sealAfter: Duration? = .seconds(400 * 86400)
    /// How long entries are kept at least; sealed segments older than this are removed. nil: for ever.
    package var retain: Duration? = .seconds(2192 * 86400)

    package init(path: String, key: String) {
        self.path = path
        self.key = key
    }
}
