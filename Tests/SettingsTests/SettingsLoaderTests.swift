// What good settings become: defaults, sections, paths, lists, the environment.
import Admission
import Files
import Foundation
import Settings
import Testing

@Suite struct SettingsLoaderTests {
    static let minimal = """
        state: state
        webhook:
          listen: 0.0.0.0:8443
          tls: {certificate: certificate.pem, key: key.pem}
        """

    @Test func aMinimalFileGetsTheDefaults() throws {
        let gate = try GateDirectory.complete()
        let settings = try gate.load(Self.minimal)
        let webhook = try #require(settings.webhook)
        #expect(settings.state == gate.path + "/state")
        #expect(settings.staging.path == gate.path + "/state/staging")
        #expect(settings.ledger.path == gate.path + "/state/ledger.sqlite")
        #expect(settings.accounts == gate.path + "/accounts")
        #expect(Array(settings.sources) == [gate.path + "/sources/a.yaml"])
        #expect(!settings.node.isEmpty)
        #expect(settings.sftp == nil && settings.console == nil)
        #expect(webhook.listen.description == "0.0.0.0:8443")
        #expect(webhook.tls?.certificate == gate.path + "/certificate.pem")
        #expect(
            webhook.path == "/webhooks/vsee" && webhook.unlisted == .close && webhook.address.mode == .direct)
        #expect(webhook.maxBody == 10 << 20 && webhook.headerTimeout == .seconds(10))
    }

    /// A running gate goes by its patterns, and so does whatever else asks for its lists and rules.
    @Test func filesThatComeAndGoLaterAreThoseOfTheSettings() throws {
        let gate = try GateDirectory.complete()
        let settings = try gate.load(Self.minimal + "\nsources: [sources/a.yaml, sources/*.yaml]")
        let first = gate.path + "/sources/a.yaml"
        #expect(Array(settings.sources) == [first] && settings.rules.isEmpty)
        let list = try gate.write("sources/b.yaml", "entries: []\n")
        let rules = try gate.write("rules/a.yaml", "name: a\n")
        #expect(Array(settings.sources) == [first, list] && settings.rules == [rules])
        try FileManager.default.removeItem(atPath: list)
        try FileManager.default.removeItem(atPath: rules)
        #expect(Array(settings.sources) == [first] && settings.rules.isEmpty)
    }

    @Test func aByteOrderMarkIsSkipped() throws {
        let gate = try GateDirectory.complete()
        let settings = try gate.load(
            "\u{FEFF}state: state\nnode: marked\nwebhook: {listen: 127.0.0.1:0, plaintext: true}\n")
        #expect(settings.node == "marked")
    }

    /// Else the default would let a file begin that its account can never have.
    @Test func aFileOfAnotherEncodingIsToldHowToSaveIt() throws {
        let gate = try GateDirectory.complete()
        let wide = try #require("state: state\n".data(using: .utf16LittleEndian))
        for (bytes, words) in [
            (Data([0xFF, 0xFE]) + wide, "is UTF-16, not UTF-8; save it as UTF-8"),
            (Data("node: M\u{FC}nchen".utf16.map { UInt8($0) }), "is not UTF-8 text; save it as UTF-8"),
        ] {
            let file = gate.path + "/settings.yaml"
            try bytes.write(to: URL(fileURLWithPath: file))
            #expect { try SettingsLoader.load(file: file) } throws: { "\($0)".contains(words) }
        }
    }

    @Test func withoutABoundOfItsOwnAFileIsBoundedByWhatItsAccountMayHave() throws {
        let gate = try GateDirectory.complete()
        func sftp(_ keys: String) throws -> SFTPSettings? {
            try gate.load("state: state\nsftp: {listen: 127.0.0.1:0\(keys)}\n").sftp
        }
        #expect(try sftp(", max_pending_bytes: 1MiB")?.maxFile == 1 << 20)
        #expect(try sftp(", max_pending_bytes: 1MiB, max_file: 1MiB")?.maxFile == 1 << 20)
        #expect(try sftp(", max_pending_bytes: 20GiB")?.maxFile == 10 << 30)
        #expect(try sftp("")?.maxFile == 10 << 30)
    }

    @Test func everyKeyIsRead() throws {
        let gate = try GateDirectory.complete()
        try gate.write("signing", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", mode: 0o600)
        let settings = try gate.load(
            """
            state: state
            node: gate-1
            sources: [sources/*.yaml]
            accounts: people
            webhook:
              listen: "[::1]:8443"
              plaintext: true
              path: /hooks
              secret_file: secret
              header: {name: X-Gate, value_file: secret}
              basic: {user: vsee, password_file: secret}
              standard_webhooks: {secret_files: [signing]}
              address: x-forwarded-for
              trusted_proxies: [10.0.0.0/8, "fd00::/8"]
              unlisted: refuse
              max_body: 1MiB
              header_timeout: 5s
              body_timeout: 2m
              idle_timeout: 30s
              max_connections: 10
              max_connections_per_source: 5
            sftp:
              listen: 0.0.0.0:2222
              host_keys: [state/keys/ssh_host_rsa_key]
              address: proxy-protocol
              trusted_proxies: [10.0.0.5]
              max_file: 1GiB
              resume_for: 7d
              login_grace: 20s
              idle_timeout: 5m
              max_connections: 12
              max_connections_per_source: 6
              max_sessions: 3
              max_auth_tries: 2
              encrypt_and_mac: false
              provisional: ["*.wip"]
              settle: 20s
              after_release: refuse
              max_pending_bytes: 2GiB
              max_pending_names: 500
            console: {listen: 127.0.0.1:8080, token_file: token}
            staging: {path: st, reserve: 500MB, reserve_inodes: 5, layout: ndjson, keep_acknowledged: forever,
                      keep_quarantined: 2d, keep_receipts: 1h}
            forward:
              syslog: {address: "tls://logs.example:7000", authorities: certificate.pem, certificate: certificate.pem, key: key.pem,
                       enterprise: 4711}
              file: {path: out/entries.jsonl, format: ecs}
            ledger: {path: l/ledger.sqlite, key: k/ledger.key, checkpoint_every: 5s, seal_after: 30d, retain: forever,
                     witnesses: [w/notes, "https://witness.example/gate-1", syslog]}
            """)
        let webhook = try #require(settings.webhook)
        let sftp = try #require(settings.sftp)
        let secret = Array("path-secret-0123456789".utf8)
        #expect(webhook.tls == nil && webhook.listen.description == "[::1]:8443" && webhook.path == "/hooks")
        #expect(webhook.checks.pathSecret?.bytes == secret && webhook.checks.header?.name == "X-Gate")
        #expect(webhook.checks.basic?.user == "vsee" && webhook.checks.basic?.password.bytes == secret)
        #expect(webhook.checks.standardWebhooks.map(\.bytes.count) == [24])
        #expect(webhook.address.mode == .xForwardedFor && webhook.unlisted == .refuse)
        #expect(webhook.address.trustedProxies.map(\.description) == ["10.0.0.0/8", "fd00::/8"])
        #expect(webhook.maxBody == 1 << 20 && webhook.bodyTimeout == .seconds(120))
        #expect(webhook.idleTimeout == .seconds(30) && webhook.headerTimeout == .seconds(5))
        #expect(webhook.maxConnections == 10 && webhook.maxConnectionsPerSource == 5)
        #expect(sftp.hostKeys == [gate.path + "/state/keys/ssh_host_rsa_key"])
        #expect(sftp.address.mode == .proxyProtocol && sftp.maxFile == 1 << 30)
        #expect(sftp.resumeFor == .seconds(7 * 86400) && sftp.loginGrace == .seconds(20))
        #expect(sftp.idleTimeout == .seconds(300) && sftp.provisional == ["*.wip"])
        #expect(sftp.settle == .seconds(20) && sftp.afterRelease == .refuse)
        #expect(sftp.maxPendingBytes == 2 << 30 && sftp.maxPendingNames == 500)
        #expect(sftp.maxConnections == 12 && sftp.maxConnectionsPerSource == 6)
        #expect(sftp.maxSessions == 3 && sftp.maxAuthTries == 2 && !sftp.encryptAndMAC)
        #expect(settings.console?.token.bytes == Array("0123456789abcdef".utf8))
        #expect(settings.console?.tokenFile == gate.path + "/token")
        #expect(settings.node == "gate-1" && settings.accounts == gate.path + "/people")
        #expect(settings.staging.path == gate.path + "/st" && settings.staging.reserve == 500_000_000)
        #expect(settings.staging.reserveInodes == 5 && settings.staging.layout == .ndjson)
        #expect(settings.staging.keepAcknowledged == nil && settings.staging.keepReceipts == .seconds(3600))
        #expect(settings.staging.keepQuarantined == .seconds(2 * 86400))
        #expect(settings.ledger.path == gate.path + "/l/ledger.sqlite")
        #expect(settings.ledger.key == gate.path + "/k/ledger.key")
        #expect(settings.forward.syslog?.host == "logs.example" && settings.forward.syslog?.port == 7000)
        #expect(settings.forward.syslog?.enterprise == 4711)
        #expect(
            settings.forward.file?.path == gate.path + "/out/entries.jsonl"
                && settings.forward.file?.format == .ecs)
        #expect(settings.ledger.checkpointEvery == .seconds(5) && settings.ledger.retain == nil)
        #expect(settings.ledger.sealAfter == .seconds(30 * 86400))
        #expect(
            settings.ledger.witnesses == [
                .file(gate.path + "/w/notes"), .http("https://witness.example/gate-1"), .syslog,
            ])
    }

    /// Only sealed entries are removed.
    @Test(arguments: ["seal_after: forever", "seal_after: forever, retain: forever"])
    func whatIsNeverSealedIsKeptForever(ages: String) throws {
        let settings = try GateDirectory.complete().load(Self.minimal + "\nledger: {\(ages)}")
        #expect(settings.ledger.sealAfter == nil && settings.ledger.retain == nil)
    }

    @Test func whatIsRemovedBeforeTheUsualTimeOfSealingIsSealedThen() throws {
        let settings = try GateDirectory.complete().load(Self.minimal + "\nledger: {retain: 30d}")
        #expect(settings.ledger.retain == .seconds(30 * 86400))
        #expect(settings.ledger.sealAfter == settings.ledger.retain)
    }

    @Test func theEnvironmentGoesOverTheFile() throws {
        let gate = try GateDirectory.complete()
        let settings = try gate.load(
            Self.minimal,
            environment: [
                "DROPGATE_CONFIG": "elsewhere", "PATH": "/bin", "DROPGATE_WEBHOOK_LISTEN": "[::]:9443",
                "DROPGATE_WEBHOOK_ADDRESS": "forwarded",
                "DROPGATE_WEBHOOK_TRUSTED_PROXIES": "[10.0.0.1, fd00::/8]",
                "DROPGATE_STATE": "/var/lib/gate", "DROPGATE_SFTP_LISTEN": "0.0.0.0:2222",
                "DROPGATE_SFTP_HOST_KEYS": "[key.pem]", "DROPGATE_SFTP_MAX_FILE": "2GiB",
            ])
        #expect(settings.webhook?.listen.description == "[::]:9443")
        #expect(settings.webhook?.address.trustedProxies.map(\.description) == ["10.0.0.1/32", "fd00::/8"])
        #expect(settings.state == "/var/lib/gate")
        #expect(settings.sftp?.maxFile == 2 << 30, "a section that only the environment names is on")
        #expect(settings.sftp?.hostKeys == [gate.path + "/key.pem"])
    }

    @Test func anECDSAHostKeyIsOfTheDefaultsOnceItIsThere() throws {
        let gate = try GateDirectory.complete()
        let yaml = Self.minimal + "\nsftp: {listen: 0.0.0.0:2222}"
        func names() throws -> [String]? {
            try gate.load(yaml).sftp?.hostKeys.map { Paths.lastComponent(of: $0) }
        }
        #expect(try names() == ["ssh_host_ed25519_key", "ssh_host_rsa_key"])
        try gate.write("state/keys/ssh_host_ecdsa_key", "key", mode: 0o600)
        #expect(try names() == ["ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key"])
        try gate.write("state/keys/ssh_host_ecdsa_key", "key", mode: 0o644)
        // One advice, and the one that helps.
        let open = try gate.problems(yaml).joined()
        #expect(open.contains("ssh_host_ecdsa_key can be read by others (mode 0644): chmod 600"))
        #expect(!open.contains("put it back"), "\(open)")
        try FileManager.default.removeItem(atPath: gate.path + "/state/keys/ssh_host_rsa_key")
        #expect(
            try gate.problems(yaml).contains {
                $0.contains(
                    "ssh_host_rsa_key: No such file or directory; put it back from the backup; for a gate")
            })
    }

    @Test func limitsOfAConnectionAreThoseOfSshdUnlessSaid() throws {
        let sftp = try GateDirectory.complete().load(Self.minimal + "\nsftp: {listen: 0.0.0.0:2222}").sftp
        #expect(sftp?.maxSessions == 10 && sftp?.maxAuthTries == 6 && sftp?.encryptAndMAC == true)
    }

    @Test func listsOfTheEnvironmentAreReadAsLists() throws {
        let gate = try GateDirectory.complete()
        let settings = try gate.load(
            Self.minimal, environment: ["DROPGATE_WEBHOOK_TLS_OLD_SENDERS": "[192.0.2.7, 192.0.2.8/31]"])
        #expect(settings.webhook?.tls?.oldSenders.map(\.description) == ["192.0.2.7/32", "192.0.2.8/31"])
    }

    @Test func oneTrailingNewlineOfASecretIsDropped() throws {
        let gate = try GateDirectory.complete()
        try gate.write("token", "abc\n\n", mode: 0o400)
        let settings = try gate.load(Self.minimal + "\nconsole: {listen: 127.0.0.1:0, token_file: token}")
        #expect(settings.console?.token.bytes == Array("abc\n".utf8))
        #expect(settings.console.map { "\($0.token)" } == "(secret)")
    }

    @Test func aSmallLimitLowersTheDefaultOfTheLimitPerSource() throws {
        let gate = try GateDirectory.complete()
        let settings = try gate.load(Self.minimal + "\n  max_connections: 8")
        #expect(settings.webhook?.maxConnectionsPerSource == 8)
    }

    @Test func initMayLoadSettingsWhoseFilesAreStillMissing() throws {
        let gate = try GateDirectory()
        let file = try gate.write(
            "dropgate.yaml",
            Self.minimal
                + "\nsftp: {listen: 0.0.0.0:2222}\nconsole: {listen: 127.0.0.1:0, token_file: t/token}")
        let settings = try SettingsLoader.load(file: file, environment: [:], namedFiles: .mayBeMissing)
        #expect(settings.console?.tokenFile == gate.path + "/t/token")
        let names = ["ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key"]
        #expect(settings.sftp?.hostKeys == names.map { gate.path + "/state/keys/" + $0 })
        #expect(throws: SettingsErrors.self) { try SettingsLoader.load(file: file, environment: [:]) }
    }
}
