// Each wrong configuration and what is said about it: place, key, what is allowed. All problems, not the first.
import Foundation
import Settings
import Testing

@Suite struct SettingsProblemTests {
    struct Case: Sendable, CustomTestStringConvertible {
        /// Appended to a good file of four lines; a line that begins with "  " goes into its webhook section.
        var yaml: String
        var problem: String
        var testDescription: String { yaml.replacingOccurrences(of: "\n", with: "⏎") }

        init(_ yaml: String, _ problem: String) {
            self.yaml = yaml
            self.problem = problem
        }
    }

    static let base = """
        state: state
        webhook:
          listen: 0.0.0.0:8443
          tls: {certificate: certificate.pem, key: key.pem}

        """

    static let keyCases = [
        Case("nod: x", "dropgate.yaml:5:1: nod: unknown key; did you mean node?"),
        Case("zzz: x", "unknown key; allowed here: state, node, sources, accounts, rules, webhook, sftp"),
        Case("  max_bodi: 1MiB", "dropgate.yaml:5:3: webhook.max_bodi: unknown key; did you mean max_body?"),
        Case(
            "sftp: {listen: 1.2.3.4:1, hostkeys: []}", "sftp.hostkeys: unknown key; did you mean host_keys?"),
        Case("node: a\nnode: b", "given twice: node; keep one"),
        Case("node: [", "dropgate.yaml:"),
        Case("node: [a]", "dropgate.yaml:5:7: node: expected a name, found a list"),
        Case("node: yes", "node: expected a name, found the boolean yes; put it in quotes"),
        Case("node: a b", "node: \"a b\" is not a node name"),
        Case("node:", "node: expected a name, found nothing"),
        Case("sftp: 2222", "dropgate.yaml:5:7: sftp: expected a mapping with listen,"),
        Case("sftp:", "dropgate.yaml:5:1: sftp.listen: is missing; write ADDRESS:PORT"),
        Case(
            "console: {listen: 127.0.0.1:1}",
            "console.token_file: is missing; name the file that holds the token"),
    ]

    static let valueCases = [
        Case(
            "  max_body: 10 potatoes",
            "dropgate.yaml:5:13: webhook.max_body: \"10 potatoes\" is not a size; write bytes,"),
        Case("  max_body: 1GiB", "webhook.max_body: 1GiB is out of range; allowed: 1KiB to 256MiB"),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_file: 99999999TiB}",
            "sftp.max_file: 99999999TiB is out of range; allowed: 1 to 1024TiB"),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_file: 99999999999999999999}",
            "sftp.max_file: 99999999999999999999 is out of range; allowed: 1 to 1024TiB"),
        Case("  max_body: -1", "webhook.max_body: -1 is out of range; allowed: 1KiB to 256MiB"),
        Case(
            "  idle_timeout: 99999999999999999999d",
            "webhook.idle_timeout: 99999999999999999999d is out of range; allowed: 1s to 1h"),
        Case(
            "  health_path: /" + String(repeating: "h", count: 1024),
            "webhook.health_path: is 1025 bytes long; at most 1024 are allowed"),
        Case(
            "node: \"a\\u202eb\"", "node: expected a name; it must not be empty or contain control characters"
        ),
        Case(
            "  idle_timeout: 10",
            "webhook.idle_timeout: \"10\" is not a duration; write a whole number with s, m, h or d"),
        Case("  idle_timeout: 2h", "webhook.idle_timeout: 2h is out of range; allowed: 1s to 1h"),
        Case(
            "  max_connections: many",
            "webhook.max_connections: expected a whole number from 1 to 1000000, found \"many\""),
        Case("  max_connections: 0", "webhook.max_connections: expected a whole number from 1"),
        Case("  unlisted: drop", "webhook.unlisted: \"drop\" is not allowed; allowed here: close, refuse"),
        Case("  unlisted: refused", "webhook.unlisted: \"refused\" is not allowed; did you mean refuse?"),
        Case("  path: webhooks", "webhook.path: a text of 8 characters cannot be the path; begin with /"),
        Case("  path: /a//b", "webhook.path: \"/a//b\" cannot be the path"),
        Case("  path: /reachability", "do not end with /, and do not use /reachability"),
        Case(
            "  address: x-real-ip",
            "webhook.address: \"x-real-ip\" is not allowed; allowed here: direct, proxy-protocol"),
        Case("  plaintext: maybe", "webhook.plaintext: expected true or false, found \"maybe\""),
        Case(
            "sftp: {listen: localhost:22}",
            "sftp.listen: \"localhost:22\" is not a listen address; write ADDRESS:PORT"),
        Case(
            "sftp: {listen: 1.2.3.4:2, after_release: forbid}",
            "sftp.after_release: \"forbid\" is not allowed; allowed here: change, refuse"),
        Case("sftp: {listen: 1.2.3.4:2, settle: 2h}", "sftp.settle: "),
        Case("sftp: {listen: 1.2.3.4:2, max_pending_names: 0}", "sftp.max_pending_names: "),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_sessions: 0}",
            "sftp.max_sessions: expected a whole number from 1 to 1000, found \"0\""),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_sessions: 1001}",
            "sftp.max_sessions: expected a whole number from 1 to 1000, found \"1001\""),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_auth_tries: 0}",
            "sftp.max_auth_tries: expected a whole number from 1 to 100, found \"0\""),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_auth_tries: few}",
            "sftp.max_auth_tries: expected a whole number from 1 to 100, found \"few\""),
        Case(
            "sftp: {listen: 1.2.3.4:2, encrypt_and_mac: no}",
            "sftp.encrypt_and_mac: expected true or false, found \"no\""),
        Case("sftp: {listen: 8443}", "sftp.listen: \"8443\" is not a listen address"),
        Case("sftp: {listen: 1.2.3.4:70000}", "sftp.listen: \"1.2.3.4:70000\" is not a listen address"),
        Case("sftp: {listen: \"::1:22\"}", "sftp.listen: \"::1:22\" is not a listen address"),
        Case("sftp: {listen: 010.1.2.3:22}", "sftp.listen: \"010.1.2.3:22\" is not a listen address"),
        Case("sftp: {listen: 1.2.3.4:2, provisional: [\"*\"]}", "sftp.provisional[0]: \"*\" would match"),
        Case(
            "sftp: {listen: 1.2.3.4:2, provisional: [\"*.part\", \"?*\"]}",
            "sftp.provisional[1]: \"?*\" would match"),
        Case("sftp: {listen: 1.2.3.4:2, provisional: [\"*?\"]}", "sftp.provisional[0]: \"*?\" would match"),
        Case("sftp: {listen: 1.2.3.4:2, provisional: [\"??*\"]}", "sftp.provisional[0]: \"??*\" would match"),
        Case(
            "sftp: {listen: 1.2.3.4:2, provisional: [\"[!.]*\"]}",
            "sftp.provisional[0]: a text of 5 characters would match"),
        Case(
            "sftp: {listen: 1.2.3.4:2, provisional: [\"[0-9a-z]*\"]}",
            "provisional[0]: \"[0-9a-z]*\" would match"),
        Case(
            "sftp: {listen: 1.2.3.4:2, provisional: [\"*/tmp\"]}",
            "sftp.provisional[0]: \"*/tmp\" would match"),
        Case(
            "sftp: {listen: 1.2.3.4:2, provisional: [\"[a-z]*\", \"[0-9]*\"]}",
            "sftp.provisional: these patterns together match every name"),
        Case(
            "staging: {layout: json}", "staging.layout: \"json\" is not allowed; allowed here: file, ndjson"),
        Case(
            "forward: {syslog: {address: \"udp://x:1\"}}",
            "forward.syslog.address: \"udp://x:1\" is not a syslog receiver"),
        Case(
            "forward: {syslog: {address: \"tcp://x:1\", authorities: certificate.pem}}",
            "forward.syslog.authorities: is for TLS"),
        Case(
            "forward: {syslog: {address: \"tcp://x:1\", enterprise: 4294967295}}",
            "forward.syslog.enterprise: expected a whole number from 0 to 4294967294"),
        Case(
            "ledger: {witnesses: [syslog]}", "ledger.witnesses: names syslog, and there is no forward.syslog"),
        Case("ledger: {witnesses: [\"ftp://x/y\"]}", "ledger.witnesses[0]: \"ftp://x/y\" is not a witness"),
        Case(
            "ledger: {witnesses: [\"https://me:pw@x/y?t=1\"]}",
            "dropgate.yaml:5:22: ledger.witnesses[0]: \"https://x/y\" contains a user name or password"
        ),
        Case("ledger: {witnesses: [\"https://@x/y\"]}", "contains a user name or password"),
        Case(
            "ledger: {witnesses: [\"https://x/y?a=1\", \"https://x/y?a=2\"]}",
            "ledger.witnesses: https://x/y is listed twice"),
        Case(
            "forward: {syslog: {address: \"tcp://me@x:1\"}}",
            "forward.syslog.address: \"tcp://x:1\" is not a syslog receiver"),
        Case("ledger: {seal_after: 30d, retain: 20d}", "ledger.seal_after: is longer than ledger.retain"),
        Case("ledger: {read_group: Audit}", "ledger.read_group: \"Audit\" is not the name of a group"),
        Case("ledger: {read_group: \"a b\"}", "ledger.read_group: \"a b\" is not the name of a group"),
        Case("staging: {keep_receipts: never}", "staging.keep_receipts: \"never\" is not a duration"),
    ]

    static let contradictionCases = [
        Case("  plaintext: true", "dropgate.yaml:5:14: webhook.plaintext: contradicts tls; keep one of them"),
        Case(
            "  address: x-forwarded-for",
            "dropgate.yaml:5:12: webhook.trusted_proxies: is missing; address: x-forwarded-for needs"),
        Case(
            "  address: forwarded\n  trusted_proxies: []",
            "webhook.trusted_proxies: is missing; address: forwarded"),
        Case("  trusted_proxies: [10.0.0.1]", "webhook.trusted_proxies: contradicts address: direct"),
        Case(
            "  address: forwarded\n  trusted_proxies: [10.0.0.1/8]",
            "dropgate.yaml:6:21: webhook.trusted_proxies[0]: \"10.0.0.1/8\" has bits set behind its prefix"),
        Case("  address: forwarded\n  trusted_proxies: [0.0.0.0/0]", "holds every address"),
        Case(
            "sftp: {listen: 1.2.3.4:2, address: forwarded, trusted_proxies: [10.0.0.1]}",
            "sftp.address: forwarded is for HTTP and cannot work here; write direct or proxy-protocol"),
        Case(
            "sftp: {listen: 0.0.0.0:8443}",
            "sftp.listen: 0.0.0.0:8443 conflicts with webhook.listen (0.0.0.0:8443)"),
        Case(
            "sftp: {listen: 127.0.0.1:8443}",
            "sftp.listen: 127.0.0.1:8443 conflicts with webhook.listen"),
        Case("sftp: {listen: \"[::]:8443\"}", "sftp.listen: [::]:8443 conflicts with webhook.listen"),
        Case(
            "  max_connections: 5\n  max_connections_per_source: 6",
            "webhook.max_connections_per_source: 6 is more than webhook.max_connections, 5"),
        Case("sftp: {listen: 1.2.3.4:2, host_keys: []}", "sftp.host_keys: names no host key"),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_file: 2GiB, max_pending_bytes: 1GiB}",
            "sftp.max_file: 2GiB is more than sftp.max_pending_bytes, 1GiB; it would never apply"),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_file: 101GiB}",
            "sftp.max_file: 101GiB is more than sftp.max_pending_bytes, 100GiB; it would never apply"),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_file: x, max_pending_bytes: 1GiB}", "sftp.max_file: \"x\" is not"),
        Case(
            "sftp: {listen: 1.2.3.4:2, max_file: 200GiB, max_pending_bytes: x}",
            "sftp.max_pending_bytes: \"x\" is not"),
        Case("  path: /healthz", "dropgate.yaml:5:9: webhook.path: /healthz is taken by webhook.health_path"),
        Case(
            "  path: /in\n  health_path: /in/health",
            "dropgate.yaml:6:16: webhook.health_path: /in/health is taken"),
        Case("  health_path: /webhooks/vsee", "webhook.health_path: /webhooks/vsee is taken"),
        Case(
            "ledger: {seal_after: forever, retain: 2192d}",
            "dropgate.yaml:5:39: ledger.retain: would never apply: ledger.seal_after is forever"),
        Case("ledger: {seal_after: forever, retain: x}", "ledger.retain: \"x\" is not a duration"),
    ]

    static let fileCases = [
        Case(
            "console: {listen: 127.0.0.1:1, token_file: missing}",
            "console.token_file: expected the path of a file, found a text of 7 characters, which names no file"
        ),
        Case(
            "console: {listen: 127.0.0.1:1, token_file: open}",
            "open can be read by others (mode 0644): chmod 600"),
        Case("console: {listen: 127.0.0.1:1, token_file: empty}", "empty is empty; put the secret in it"),
        Case("console: {listen: 127.0.0.1:1, token_file: state}", "state is not a regular file"),
        Case(
            "  secret_file: short",
            "webhook.secret_file: the secret is part of a URL: it must have 16 or more letters"),
        Case(
            "  header: {name: \"X Y\", value_file: secret}",
            "webhook.header.name: is not a header name"),
        Case("  header: {name: X-Y}", "webhook.header.value_file: is missing; name the file"),
        Case("  basic: {user: \"a:b\", password_file: secret}", "webhook.basic.user: has a colon"),
        Case("  standard_webhooks: {secret_files: [short]}", "holds no Standard Webhooks secret"),
        Case("  standard_webhooks: {secret_files: []}", "names no file; leave the section out"),
        Case("sources: []", "dropgate.yaml:5:10: sources: names no source list"),
        Case("sources: [none/*.yaml]", "sources[0]: none/*.yaml names no file"),
        Case("sources: sources/*.yaml", "sources: expected a list of files, as in [sources/*.yaml], found"),
        Case(
            "sftp: {listen: 1.2.3.4:2, host_keys: [open]}",
            "sftp.host_keys[0]: open can be read by others (mode 0644)"),
    ]

    @Test(arguments: keyCases + valueCases + contradictionCases + fileCases)
    func whatIsWrongIsSaid(wrong: Case) throws {
        let gate = try GateDirectory.complete()
        try gate.write("open", "secret", mode: 0o644)
        try gate.write("empty", "\n", mode: 0o600)
        try gate.write("short", "short", mode: 0o600)
        let problems = try gate.problems(Self.base + wrong.yaml + "\n")
        #expect(problems.contains { $0.contains(wrong.problem) }, "\(problems)")
        #expect(problems.count == 1, "one mistake, one problem: \(problems)")
    }

    @Test(arguments: [
        ("https://x/y?token=1", "https://x/y"), ("https://a:b@x:1/y", "https://x:1/y"),
        ("https://x/@y#z", "https://x/@y"), ("https://a@b@x", "https://x"), ("no url?x", "no url"),
    ])
    func whatIsShownOfAURLHoldsNoSecret(url: String, shown: String) {
        #expect(WitnessURL.shown(url) == shown)
        #expect("\(WitnessSettings.http(url))" == shown)
    }

    @Test func neitherTLSNorPlaintextIsAProblem() throws {
        let gate = try GateDirectory.complete()
        for yaml in ["webhook: {listen: 1.2.3.4:1}", "webhook: {listen: 1.2.3.4:1, plaintext: false}"] {
            let problems = try gate.problems(yaml)
            #expect(problems.count == 1)
            #expect(problems[0].hasPrefix("dropgate.yaml:1:1: webhook: neither tls nor plaintext"))
        }
    }

    @Test func aGateWithoutAWayInIsAProblem() throws {
        let gate = try GateDirectory.complete()
        #expect(
            try gate.problems("") == [
                "dropgate.yaml: no way in: a gate needs a webhook section, an sftp section or both"
            ])
        #expect(try gate.problems("- a").count == 1)
    }

    @Test func allProblemsAreSaidInTheOrderOfTheFile() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(
            """
            state: state
            nod: a
            webhook:
              listen: here
              max_body: x
              tls: {certificate: gone.pem, key: key.pem}
            sftp: {address: forwarded}
            """, environment: ["DROPGATE_SFTP_PORT": "1", "DROPGATE_STAGING_RESERVE": "lots"])
        let places = problems.map { $0.prefix { $0 != " " } }
        #expect(places.count == 8, "\(problems)")
        #expect(
            places.prefix(4) == [
                "dropgate.yaml:2:1:", "dropgate.yaml:4:11:", "dropgate.yaml:5:13:", "dropgate.yaml:6:22:",
            ])
        #expect(
            problems[7]
                == "environment variable DROPGATE_STAGING_RESERVE: staging.reserve: \"lots\" is not a size; \(Quantity.sizeHelp)"
        )
        #expect(
            problems[6].hasPrefix("environment variable DROPGATE_SFTP_PORT: names no setting; did you mean"))
    }

    @Test(arguments: [
        ("DROPGATE_WEBHOOK_LISTN", "1.2.3.4:1", "names no setting; did you mean DROPGATE_WEBHOOK_LISTEN?"),
        ("DROPGATE_SOURCES", "sources/*.yaml", "sources: expected a list of files"),
        ("DROPGATE_SOURCES", "[a", "sources: not a YAML list; write it as in [a, b]"),
        ("DROPGATE_WEBHOOK_MAX_BODY", "", "webhook.max_body: \"\" is not a size"),
        ("DROPGATE_WEBHOOK_TRUSTED_PROXIES", "[10.0.0.0/33]", "webhook.trusted_proxies[0]: \"10.0.0.0/33\""),
    ])
    func wrongVariablesAreNamed(name: String, value: String, problem: String) throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(Self.base, environment: [name: value])
        #expect(problems.contains { $0.hasPrefix("environment variable \(name): \(problem)") }, "\(problems)")
    }

    /// As Kubernetes sets them in every container of the namespace once there is a service of that name.
    @Test func theVariablesOfAServiceThatIsNamedAfterTheGateAreNoSettings() throws {
        let gate = try GateDirectory.complete()
        let links = [
            "DROPGATE_SERVICE_HOST": "10.96.0.12", "DROPGATE_SERVICE_PORT": "8443",
            "DROPGATE_SERVICE_PORT_WEBHOOK": "8443",
            "DROPGATE_PORT": "tcp://10.96.0.12:8443", "DROPGATE_PORT_8443_TCP": "tcp://10.96.0.12:8443",
            "DROPGATE_PORT_8443_TCP_PROTO": "tcp", "DROPGATE_PORT_8443_TCP_PORT": "8443",
            "DROPGATE_PORT_8443_TCP_ADDR": "10.96.0.12", "DROPGATE_WEBHOOK_SERVICE_HOST": "fd00::12",
            "DROPGATE_SFTP_PORT": "tcp://10.96.0.12:2222", "DROPGATE_DNS_PORT_53_UDP": "udp://10.96.0.12:53",
        ]
        #expect(
            try gate.problems(Self.base, environment: links) == gate.problems(Self.base, environment: [:]))
        for (name, value) in [
            ("DROPGATE_SFTP_PORT", "2222"), ("DROPGATE_SERVICE_HOST", "gate"), ("DROPGATE_SERVICE_PORT", ""),
            ("DROPGATE_PORT_X_TCP", "1"),
        ] {
            let problems = try gate.problems(Self.base, environment: [name: value])
            #expect(problems.contains { $0.contains("\(name): names no setting") }, "\(problems)")
        }
    }

    @Test(
        arguments: [
            ("token-of-the-gate\n", nil), ("token-of-the-gate\r\n", nil), ("two words", nil),
            ("token\n\n", "a line end"),
            ("to\nken", "a line end"), ("to\tken", "a line end"), ("\u{FEFF}token\n", "a byte order mark"),
            (" token", "a space"),
            ("token \n", "a space"),
        ] as [(String, String?)])
    func aSecretThatNoRequestCanBringIsAProblem(text: String, problem: String?) throws {
        let gate = try GateDirectory.complete()
        try gate.write("sent", text, mode: 0o600)
        for (key, section) in [
            ("header.value_file", "  header: {name: X-Gate-Token, value_file: sent}\n"),
            ("basic.password_file", "  basic: {user: vsee, password_file: sent}\n"),
        ] {
            let problems = try gate.problems(Self.base + section, environment: [:]).filter {
                $0.contains(key)
            }
            // A password may have spaces anywhere.
            let expected = problem == "a space" && key.hasPrefix("basic") ? nil : problem
            #expect(problems.count == (expected == nil ? 0 : 1), "\(key): \(problems)")
            #expect(expected.map { problems.first?.contains($0) == true } ?? true, "\(key): \(problems)")
        }
    }

    @Test func aMissingFileIsNamed() {
        #expect {
            try SettingsLoader.load(file: "/nonexistent/dropgate.yaml", environment: [:])
        } throws: { error in
            "\(error)"
                == "/nonexistent/dropgate.yaml: cannot read /nonexistent/dropgate.yaml: No such file or directory"
        }
    }
}
