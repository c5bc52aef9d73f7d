// A secret in the place of a setting is not in the message about it, which still says where it stands and what belongs there.
import Files
import Foundation
import Settings
import Testing

@Suite struct ValueTextTests {
    /// None of them is a good value of any of the places below.
    static let secrets = [
        "Zk3vQ8p2Lm9xTg4rB1nW/7cY5dA0sHq6u+J2eKfV8w=",
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0/c2lnbmF0dXJl",
        "/5309458903f8168b057a647b94a158e4==", "pass/Summer2024!",
    ]

    struct Case: Sendable, CustomTestStringConvertible {
        /// With SECRET in the place of the value.
        var yaml: String
        var key: String
        var expected: String
        var testDescription: String { key }

        init(_ yaml: String, _ key: String, _ expected: String) {
            self.yaml = yaml
            self.key = key
            self.expected = expected
        }

        /// Begins with 1.
        var line: Int { (yaml.components(separatedBy: "SECRET").first ?? "").count { $0 == "\n" } + 1 }
    }

    private static let file = "expected the path of a file, found a text of "

    /// Behind a good file of four lines, as in `SettingsProblemTests`.
    static let settings: [Case] = [
        Case("  path: \"SECRET\"", "webhook.path", "begin with /"),
        Case("  health_path: \"SECRET\"", "webhook.health_path", "begin with /"),
        Case("  max_body: \"SECRET\"", "webhook.max_body", "is not a size; write bytes"),
        Case("  idle_timeout: \"SECRET\"", "webhook.idle_timeout", "is not a duration; write a whole number"),
        Case("  max_connections: \"SECRET\"", "webhook.max_connections", "a whole number from 1 to 1000000"),
        Case("  plaintext: \"SECRET\"", "webhook.plaintext", "expected true or false"),
        Case("  unlisted: \"SECRET\"", "webhook.unlisted", "allowed here: close"),
        Case("  address: \"SECRET\"", "webhook.address", "allowed here: direct"),
        Case(
            "  address: forwarded\n  trusted_proxies: [\"SECRET\"]", "webhook.trusted_proxies[0]",
            "write an address or a CIDR block"),
        Case("  secret_file: \"SECRET\"", "webhook.secret_file", file),
        Case("  header: {name: X-Y, value_file: \"SECRET\"}", "webhook.header.value_file", file),
        Case("  basic: {user: vsee, password_file: \"SECRET\"}", "webhook.basic.password_file", file),
        Case(
            "  standard_webhooks: {secret_files: [\"SECRET\"]}", "webhook.standard_webhooks.secret_files[0]",
            file),
        Case("sftp: {listen: \"SECRET\"}", "sftp.listen", "is not a listen address; write ADDRESS:PORT"),
        Case("sftp: {listen: 1.2.3.4:2, host_keys: [\"SECRET\"]}", "sftp.host_keys[0]", file),
        Case(
            "sftp: {listen: 1.2.3.4:2, provisional: [\"SECRET\"]}", "sftp.provisional[0]",
            "write a file name pattern"),
        Case("console: {listen: 127.0.0.1:1, token_file: \"SECRET\"}", "console.token_file", file),
        Case("sources: [\"SECRET\"]", "sources[0]", "names no file; write one or a pattern"),
        Case("node: \"SECRET\"", "node", "is not a node name; use up to 64"),
        Case("staging: {layout: \"SECRET\"}", "staging.layout", "allowed here: file"),
        Case("staging: {reserve: \"SECRET\"}", "staging.reserve", "is not a size; write bytes"),
        Case("staging: {group: \"SECRET\"}", "staging.group", "is not the name of a group"),
        Case("ledger: {retain: \"SECRET\"}", "ledger.retain", "is not a duration; write a whole number"),
        Case("ledger: {witnesses: [\"ftp://SECRET\"]}", "ledger.witnesses[0]", "write a file, an https URL"),
        Case("forward: {syslog: {address: \"SECRET\"}}", "forward.syslog.address", "write tcp://host:port"),
        Case(
            "forward: {syslog: {address: \"tls://a:1\", authorities: \"SECRET\"}}",
            "forward.syslog.authorities", file),
        Case("forward: {syslog: {address: \"tls://a:1\", key: \"SECRET\"}}", "forward.syslog.key", file),
    ]

    static let lists: [Case] = [
        Case("name: \"SECRET\"\n\(entry())", "name", "is not a name; use up to 64"),
        Case(
            "entries: [{cidr: \"SECRET\", service: a, channels: [sftp]}]", "entries[0].cidr", "a CIDR block"),
        Case(
            "entries: [{cidr: 1.2.3.4, service: \"SECRET\", channels: [sftp]}]", "entries[0].service",
            "use up"),
        Case(
            "entries: [{cidr: 1.2.3.4, service: a, channels: [\"SECRET\"]}]", "entries[0].channels[0]",
            "allowed here: webhook"),
        Case(entry(", expires: \"SECRET\""), "entries[0].expires", "expected a date"),
        Case(entry(", mode: \"SECRET\""), "entries[0].mode", "allowed here: enforce"),
        Case(
            entry(", document: {title: x, read: \"SECRET\"}"), "entries[0].document.read", "expected a date"),
        Case(
            entry(", expect: {sftp: {every: \"SECRET\"}}"), "entries[0].expect.sftp.every",
            "is not a duration"),
        Case(
            entry(", expect: {sftp: {every: 1d, hours: \"SECRET\"}}"), "entries[0].expect.sftp.hours",
            "write them as in 08:00-18:00"),
        Case(
            entry(", expect: {sftp: {every: 1d, zone: \"SECRET\"}}"), "entries[0].expect.sftp.zone",
            "write a name such as Asia/Qatar"),
    ]

    private static func entry(_ more: String = "") -> String {
        "entries: [{cidr: 1.2.3.4, service: a, channels: [sftp]\(more)}]"
    }

    /// Neither the whole nor a part that stands between slashes.
    private func check(_ said: [String], hide secret: String) {
        for part in secret.split(separator: "/") where part.count > 6 {
            #expect(!said.contains { $0.contains(part) }, "\(said)")
        }
    }

    @Test(arguments: settings, secrets)
    func aSecretInASettingIsNotQuoted(wrong: Case, secret: String) throws {
        let gate = try GateDirectory.complete()
        let yaml = SettingsProblemTests.base + wrong.yaml.replacingOccurrences(of: "SECRET", with: secret)
        let problems = try gate.problems(yaml + "\n")
        check(problems, hide: secret)
        #expect(
            problems.contains {
                $0.hasPrefix("dropgate.yaml:\(wrong.line + 4):") && $0.contains(": \(wrong.key): ")
                    && $0.contains(wrong.expected)
            }, "\(problems)")
    }

    @Test(arguments: lists, secrets)
    func aSecretInASourceListIsNotQuoted(wrong: Case, secret: String) throws {
        let gate = try GateDirectory()
        let file = try gate.write(
            "list.yaml", wrong.yaml.replacingOccurrences(of: "SECRET", with: secret) + "\n")
        let errors = #expect(throws: SettingsErrors.self) { try PolicyLoader.load(files: [file]) }
        let problems = (errors?.problems ?? []).map(\.description)
        check(problems, hide: secret)
        #expect(
            problems.contains {
                $0.hasPrefix("\(file):\(wrong.line):") && $0.contains(": \(wrong.key): ")
                    && $0.contains(wrong.expected)
            }, "\(problems)")
    }

    @Test(arguments: secrets)
    func aSecretInAVariableOrInPlaceOfTheStateIsNotQuoted(secret: String) throws {
        let gate = try GateDirectory.complete()
        let yaml = SettingsProblemTests.base + "sftp: {listen: 1.2.3.4:2}\n"
        for (name, key) in [
            ("DROPGATE_WEBHOOK_PATH", "webhook.path"),
            ("DROPGATE_WEBHOOK_SECRET_FILE", "webhook.secret_file"),
            ("DROPGATE_SFTP_LISTEN", "sftp.listen"), ("DROPGATE_STATE", "state"),
        ] {
            let problems = try gate.problems(yaml, environment: [name: secret])
            check(problems, hide: secret)
            #expect(
                problems.contains { $0.hasPrefix("environment variable \(name): \(key): ") }, "\(problems)")
        }
    }

    /// `doctor` goes on with settings that `serve` refuses, and tells of each file that is not there.
    @Test(arguments: secrets)
    func aSecretInPlaceOfAFileIsNoPathForThoseWhoDoNotLook(secret: String) throws {
        let gate = try GateDirectory.complete()
        let file = try gate.write(
            "dropgate.yaml",
            """
            webhook: {listen: 1.2.3.4:1, tls: {certificate: certificate.pem, key: "\(secret)"}}
            sftp: {listen: 1.2.3.4:2, host_keys: ["\(secret)", key.pem]}
            sources: ["\(secret)"]
            """)
        let settings = try SettingsLoader.load(file: file, environment: [:], namedFiles: .ignored)
        #expect(settings.webhook?.tls?.key == gate.path + "/(webhook.tls.key)")
        #expect(settings.sftp?.hostKeys == [gate.path + "/(sftp.host_keys[0])", gate.path + "/key.pem"])
        let errors = #expect(throws: SettingsErrors.self) { try PolicyLoader.load(files: settings.sources) }
        let problems = (errors?.problems ?? []).map(\.description)
        #expect(problems.count == 1 && problems[0].contains("no file here has the name that was given"))
        check(problems, hide: secret)
    }

    @Test func aWitnessThatMayBeASecretIsDoubtedWithoutAWordOfIt() throws {
        let gate = try GateDirectory.complete()
        let settings = try gate.load(
            """
            state: .
            webhook: {listen: 1.2.3.4:1, tls: {certificate: certificate.pem, key: key.pem}}
            ledger: {witnesses: ["\(Self.secrets[0])"]}
            """)
        let doubts = settings.doubts.map(\.description)
        #expect(doubts.count == 1 && doubts[0].contains("a text of 43 characters lies beside the ledger"))
        check(doubts, hide: Self.secrets[0])
    }

    /// Nothing of a secret, be it ever so plain, where its key says that one belongs there; of a file that is there, its path.
    @Test func theFileOfASecretIsNamedOnceItIsThere() throws {
        let gate = try GateDirectory.complete()
        let yaml = SettingsProblemTests.base + "console: {listen: 127.0.0.1:1, token_file: swordfish}\n"
        let before = try gate.problems(yaml)
        #expect(before.count == 1 && !before[0].contains("swordfish"), "\(before)")
        try gate.write("swordfish", "a token\n", mode: 0o644)
        let after = try gate.problems(yaml)
        #expect(
            after.count == 1 && after[0].contains("swordfish can be read by others (mode 0644)"), "\(after)")
    }

    @Test(arguments: [
        "", "10 potatoes", "many", "-1", "1h30m", "10mib", "99999999999999999999d", "x-forwarded-for",
        "1.2.3.4:70000", "20.21.208.105/24", "[::]:8443", "2001:db8::1/64", "localhost:22", "2027-02-30",
        "2027-01-31T08:00:00Z", "*.part", "Mars/Olympus", "/webhooks//vsee/", "UDP 1853x", "udp://x:1",
        "/etc/dropgate/sources/*.yaml",
    ])
    func whatLooksLikeASlipIsQuoted(text: String) {
        #expect(ValueText.isPlain(text))
        #expect(ValueText.quoted(text) == "\"\(text)\"")
    }

    @Test(
        arguments: secrets + [
            "hunter2", "s3cr3t", "5309458903f8168b", "a1b2-c3d4-e5f6-a7b8", "a1b2/c3d4/e5f6/a7b8",
            "12345678abcdefgh",
            "20240519passwort", "123456789012345678901", "abcd efgh ijkl mnop",
            "correct horse battery", "user:pw@host", "token=x", "swordfish!", "a\nb", "schlüssel",
            "7d9f2c1e-5b3a-4e8d-9c6f-1a2b3c4d5e6f", String(repeating: "a", count: 25),
        ])
    func whatMayBeASecretIsToldByItsLength(text: String) {
        #expect(!ValueText.isPlain(text))
        #expect(ValueText.quoted(text) == "a text of \(text.unicodeScalars.count) characters")
    }
}
