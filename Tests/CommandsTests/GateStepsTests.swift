// What `dropgate init` says: the name that VSee calls, and the steps that are left.
import Admission
import Commands
import Foundation
import JSON
import Management
import Settings
import TLS
import Testing

@Suite struct PublicNameTests {
    @Test(arguments: [
        // Certificate's names, this machine's name, the name to give.
        ("DNS:gate.example.org", "gate-1", "gate.example.org"),
        ("DNS:example.org, DNS:gate.example.org", "gate.example.org", "gate.example.org"),
        ("DNS:localhost, DNS:Gate.Example.org, IP Address:127.0.0.1", "gate-1", "gate.example.org"),
        ("DNS:*.example.org", "gate.example.org", "gate.example.org"),
        ("DNS:*.example.org", "a.gate.example.org", "NAME.example.org"),
        ("IP Address:127.0.0.1, IP Address:192.0.2.7", "gate-1", "192.0.2.7"),
        ("IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:0:0:5", "gate-1", "2001:db8::5"),
        ("email:a@example.org, DNS:bad name, DNS:x\u{1B}[1m", "gate-1", "gate-1"),
        (nil, "gate-1", "gate-1"), ("", "gate-1", "gate-1"),
    ])
    func aGateIsCalledByTheNameOfItsCertificate(names: String?, machine: String, host: String) {
        #expect(PublicName(certificate: names, machine: machine).host == host)
    }

    @Test func anIPv6AddressStandsInBracketsInAURLAlone() {
        let name = PublicName(certificate: "IP Address:2001:DB8:0:0:0:0:0:5", machine: "gate-1")
        #expect(name.inURL == "[2001:db8::5]" && name.host == "2001:db8::5" && name.origin == .certificate)
    }
}

@Suite struct GateStepsTests {
    private func steps(
        file: String = "/srv/a gate/dropgate.yaml", _ change: (inout GateStanding) -> Void
    ) throws -> [String] {
        let gate = try TestGate()
        try gate.write(
            "dropgate.yaml",
            """
            state: state
            webhook: {listen: "[::]:8443", tls: {certificate: tls/c.pem, key: tls/k.pem}}
            sftp: {listen: "[::]:2222"}
            """)
        let settings = try SettingsLoader.load(file: gate.config, namedFiles: .mayBeMissing)
        var standing = GateStanding()
        (standing.senders, standing.isRunning, standing.isHeard, standing.owner) = (
            ["vsee"], true, true, 1000
        )
        change(&standing)
        return GateSteps(settings, file: file, standing: standing).lines
    }

    @Test func whatIsDoneIsNoStep() throws {
        #expect(try steps { _ in } == [])
    }

    @Test func eachThingThatIsLeftIsOneStep() throws {
        #expect(
            try steps { $0.senders = [] } == [
                "dropgate account add vsee --key vsee.pub --config '/srv/a gate/dropgate.yaml'   # VSee's public key"
            ])
        for (certificate, words) in [
            (GateStanding.Certificate.missing, "put a certificate"), (.selfIssued, "self-signed"),
            (.expired("2026-01-02"), "expired on 2026-01-02"), (.bad("k.pem is broken"), "k.pem is broken"),
        ] {
            let left = try steps { $0.certificate = certificate }
            #expect(left.count == 1 && left[0].contains(words), "\(left)")
        }
        let firewall = try steps { $0.isHeard = false }
        #expect(
            firewall.count == 1 && firewall[0].contains("rules export --direction ingress"), "\(firewall)")
        let start = try steps { $0.isRunning = false }
        #expect(
            start.count == 2 && start[0].contains("serve --check") && start[1].contains("dropgate serve"),
            "\(start)")
        let unknown = try steps { $0.isRunning = nil }
        #expect(unknown.count == 1 && unknown[0].hasPrefix("check whether the gate runs"), "\(unknown)")
        #expect(try steps { $0.hasNewHostKeys = true }.allSatisfy { $0.hasPrefix("restart the gate") })
        #expect(
            try steps { $0.accountProblems = ["accounts/x.yaml:1:1: bad"] } == [
                "fix accounts/x.yaml:1:1: bad"
            ])
    }

    @Test func anInstalledGateIsStartedAsAService() throws {
        let left = try steps(file: "/etc/dropgate/dropgate.yaml") {
            ($0.isRunning, $0.isService, $0.senders, $0.owner) = (false, true, [], nil)
        }
        #expect(left[0].hasPrefix("sudo dropgate account add vsee"))
        #expect(left[1] == "sudo -u dropgate dropgate serve --check --config /etc/dropgate/dropgate.yaml")
        #expect(left[2] == "sudo systemctl enable --now dropgate")
    }
}

@Suite struct InitSheetTests {
    /// A gate whose certificate is for a name that is not this machine's, and whose webhooks show secrets.
    private func gate() async throws -> TestGate {
        let gate = try TestGate()
        let trial = try TrialCertificate(
            host: "gate.hospital.example", now: Instant.now().microseconds / 1_000_000)
        for (name, text) in [
            ("tls/c.pem", trial.certificate), ("tls/k.pem", trial.key), ("path", "0123456789abcdef-path"),
            ("header", "0123456789abcdef-header"), ("password", "0123456789abcdef-password"),
            ("signing", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"),
        ] {
            try gate.write(name, text)
            chmod(gate.path(name), 0o600)
        }
        try gate.write(
            "dropgate.yaml",
            """
            state: state
            webhook:
              listen: "[::1]:8443"
              tls: {certificate: tls/c.pem, key: tls/k.pem}
              secret_file: path
              header: {name: X-Gate-Token, value_file: header}
              basic: {user: vsee, password_file: password}
              standard_webhooks: {secret_files: [signing]}
            sftp: {listen: "[::1]:2222"}
            """)
        return gate
    }

    @Test func theNameIsTheCertificatesAndCollectorsAreNotVSees() async throws {
        let gate = try await gate()
        #expect(await gate.run("init").status == 0)
        try gate.write(
            "key.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHuQu1vJ3J5jKPkgQPJsr4LfDsN8N1GqNvWZS8JVYJ9c\n")
        let collector = await gate.run(
            "account", "add", "inner", "--role", "collector", "--collects-webhooks", "--key",
            gate.path("key.pub"))
        #expect(collector.status == 0, "\(collector)")
        var answer = await gate.run("init")
        #expect(answer.out.contains("https://gate.hospital.example:8443/webhooks/vsee/SECRET\n"), "\(answer)")
        #expect(answer.out.contains("gate.hospital.example, port 2222") && !answer.out.contains("inner"))
        #expect(answer.out.contains("account add vsee"), "a collector is no account of VSee's")
        #expect(
            await gate.run("account", "add", "vsee", "--key", gate.path("key.pub")).status == 0)
        answer = await gate.run("init")
        #expect(
            answer.out.contains("SFTP user     vsee\n") && !answer.out.contains("account add"), "\(answer)")
    }

    @Test func secretsArePrintedOnlyWhenAskedFor() async throws {
        let gate = try await gate()
        for format in ["text", "json"] {
            let answer = await gate.run("init", "--format", format)
            #expect(answer.status == 0 && !answer.out.contains("0123456789abcdef"), "\(answer)")
            #expect(!answer.out.contains("MDEyMzQ1"))
        }
        let told = await gate.run("init")
        for key in [
            "secret_file", "header.value_file", "basic.password_file", "standard_webhooks.secret_files",
        ] {
            #expect(told.out.contains("what the file of webhook.\(key) holds"), "\(key): \(told)")
        }
        let asked = await gate.run("init", "--show-secrets")
        for text in [
            ":8443/webhooks/vsee/0123456789abcdef-path\n", "X-Gate-Token: 0123456789abcdef-header\n",
            "user vsee, password: 0123456789abcdef-password\n", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3\n",
        ] {
            #expect(asked.out.contains(text), "\(text): \(asked)")
        }
    }

    @Test func programsGetTheStepsToo() async throws {
        let gate = try await gate()
        let json = try JSONValue(parsing: Array(await gate.run("init", "--format", "json").out.utf8))
        #expect(json["name"]?["host"] == "gate.hospital.example" && json["name"]?["from"] == "certificate")
        #expect((json["next"]?.array?.count ?? 0) >= 4, "\(json)")
    }
}
