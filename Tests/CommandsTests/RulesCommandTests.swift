// `dropgate rules`: what is listed, what is written, and with which status it ends.
import Foundation
import JSON
import Ledger
import Testing

@Suite struct RulesCommandTests {
    private func gate() async throws -> (gate: TestGate, config: String) {
        let gate = try TestGate()
        _ = await TestGate.run(["init", gate.path("gate")])
        return (gate, gate.path("gate/dropgate.yaml"))
    }

    @Test func theListSaysWhatIsUndocumented() async throws {
        let (gate, config) = try await gate()
        let text = await TestGate.run(["rules", "list", "--config", config])
        #expect(text.status == 0)
        for part in [
            "simplified-core", "region.vsee.qa", "UDP 1853,3478,6000,6001,6256,10000,49152-65535",
            "undocumented: servers; falls back to simplified-core", "nothing stands in", "20.21.208.105",
        ] {
            #expect(text.out.contains(part), "\(part)")
        }
        let answer = await TestGate.run(["rules", "list", "--config", config, "--format", "json"])
        let book = try #require(try JSONValue(parsing: Array(answer.out.utf8))["books"]?.array?.first)
        #expect(book["tables"]?.array?.map { $0["rows"]?.array?.count } == [3, 7, 2, 2])
        withExtendedLifetime(gate) {}
    }

    @Test func aMistakeInTheRulesIsAProblemOfConfiguration() async throws {
        let (gate, config) = try await gate()
        let file = gate.path("gate/rules/vsee-qatar.yaml")
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try text.replacingOccurrences(of: "UDP 1853", with: "UDP 1853x")
            .write(toFile: file, atomically: true, encoding: .utf8)
        let answer = await TestGate.run(["rules", "list", "--config", config])
        #expect(answer.status == 78 && answer.error.contains("vsee-qatar.yaml:"), "\(answer)")
        #expect(answer.error.contains("\"UDP 1853x\" names no ports"))
    }

    @Test func anExportIsWrittenOrRefusedWithAReason() async throws {
        let (gate, config) = try await gate()
        let file = gate.path("dropgate.nft")
        let ingress = ["rules", "export", "--direction", "ingress", "--config", config]
        let written = await TestGate.run(ingress + ["--format", "nftables", "--output", file])
        #expect(written.status == 0 && written.out.isEmpty)
        #expect(try String(contentsOfFile: file, encoding: .utf8).contains("20.21.208.105/32"))
        // Nobody is listed by IPv6, so the ports are shut there.
        let shut = await TestGate.run(ingress + ["--format", "iptables", "--family", "v6"])
        #expect(
            shut.status == 0 && shut.out.contains("--dport 8443 -j DROP") && !shut.out.contains("-j ACCEPT"))
        let names = await TestGate.run([
            "rules", "export", "--direction", "egress", "--format", "ufw", "--config", config,
        ])
        #expect(names.status == 1 && names.error.contains("--resolve"))
    }

    @Test func moreRulesThanAWSTakesAreWarnedOfBesideTheExport() async throws {
        let (gate, config) = try await gate()
        let entries = (1...61).map { "  - {cidr: 192.0.2.\($0)/32, service: s\($0), channels: [webhook]}\n" }
        try ("name: many\nentries:\n" + entries.joined())
            .write(toFile: gate.path("gate/sources/many.yaml"), atomically: true, encoding: .utf8)
        let answer = await TestGate.run([
            "rules", "export", "--direction", "ingress", "--channel", "webhook", "--format", "aws-sg",
            "--config",
            config,
        ])
        #expect(answer.status == 0, "\(answer)")
        #expect(answer.error.hasPrefix("warning: these are 62 ingress rules for IPv4"), "\(answer.error)")
        #expect(try JSONValue(parsing: Array(answer.out.utf8)).array?.count == 1)
    }

    @Test(arguments: [
        ["export", "--direction", "ingress", "--format", "json", "--resolve"],
        ["export", "--direction", "egress", "--format", "json", "--channel", "sftp"],
        ["export", "--direction", "ingress", "--format", "json", "--family", "v6"],
        ["export", "--direction", "egress", "--format", "pf"],
        ["export", "--direction", "egress", "--format", "json", "--host", "nobody=host"],
        ["check", "--row", "nobody"], ["check", "--proxy", "proxy"], ["check", "--timeout", "0s"],
        ["check", "--host", "wild"],
    ])
    func aWrongUseIsTold(arguments: [String]) async throws {
        let (gate, config) = try await gate()
        let answer = await TestGate.run(["rules"] + arguments + ["--config", config])
        #expect(answer.status == 64, "\(answer)")
        withExtendedLifetime(gate) {}
    }

    @Test func rowsThatCannotBeTriedAreSkipped() async throws {
        let (gate, config) = try await gate()
        let answer = await TestGate.run([
            "rules", "check", "--row", "optional-sso", "--row", "clinic-web", "--format", "json", "--config",
            config,
        ])
        let rows = try JSONValue(parsing: Array(answer.out.utf8))["rows"]?.array ?? []
        #expect(answer.status == 0 && rows.map { $0["result"]?.string } == ["skipped", "skipped"])
        #expect(rows.first?["detail"]?.string?.contains("--host '*.vsee.qa=HOST'") == true)
        withExtendedLifetime(gate) {}
    }
}
