// Network rules as they are asked for by values: read, tried, and written for a firewall.
import Foundation
import JSON
import Management
import RuleBook
import Settings
import Testing

@Suite struct RuleServiceTests {
    @Test func withoutSettingsTheShippedRulesCount() throws {
        let books = try RuleService(nil).books()
        #expect(books.count == 1 && books[0].row("simplified-core") != nil)
    }

    @Test func aRowThatCannotBeTriedIsSkipped() async throws {
        var trial = RuleService.Trial()
        trial.rows = ["clinic-web"]
        let results = try await RuleService(nil).check(trial) { _, _ in }
        #expect(results.map(\.outcome) == [.skipped])
        #expect(results.first?.json["result"] == "skipped")
    }

    /// Nothing was tried there, so nothing is known to be blocked.
    @Test func aRowWhoseHostDoesNotResolveIsUnresolved() async throws {
        var trial = RuleService.Trial()
        trial.rows = ["clinic-web"]
        trial.hosts = ["clinic-web=nobody.invalid"]
        trial.timeout = .seconds(1)
        let result = try #require(try await RuleService(nil).check(trial) { _, _ in }.first)
        #expect(result.outcome == .unresolved && result.isFailure, "\(result.detail)")
        #expect(result.json["result"] == "unresolved")
        #expect(result.detail.contains("nobody.invalid"))
    }

    // MARK: The whole

    private func row(_ id: String, _ outcome: CheckOutcome, isOptional: Bool = false) -> CheckResult {
        let attempt = CheckAttempt(what: "TCP 443 \(id)", outcome: outcome, detail: "seen", group: id)
        return CheckResult(id: id, purpose: "P", isOptional: isOptional, attempts: [attempt])
    }

    @Test func ofRowsThatNobodyTriedNothingIsSaidToBeReached() {
        let rows = ["a", "b"].map { CheckResult(id: $0, purpose: "P", isOptional: false, skipped: "no host") }
        let verdict = CheckVerdict(rows)
        #expect(!verdict.isGood && verdict.failed.isEmpty)
        #expect(
            verdict.lines == [
                "0 of 2 rows proven; no required row is blocked or unresolved", "not tried: a, b",
            ])
        #expect(!CheckVerdict([row("a", .noProof)]).isGood && !CheckVerdict([]).isGood)
    }

    @Test func whatIsProvenIsCountedAndTheRestIsNamed() {
        let verdict = CheckVerdict([
            row("a", .ok), row("b", .skipped), row("c", .noProof), row("d", .blocked, isOptional: true),
        ])
        #expect(verdict.isGood)
        #expect(
            verdict.lines == [
                "1 of 4 rows proven; no required row is blocked or unresolved", "not tried: b", "no proof: c",
            ])
        #expect(CheckVerdict([row("a", .ok)]).lines.count == 1)
    }

    @Test func requiredRowsThatFailAreNamedFirst() {
        let verdict = CheckVerdict([
            row("a", .ok), row("b", .skipped), row("c", .unresolved), row("d", .blocked), row("e", .blocked),
            row("f", .blocked, isOptional: true),
        ])
        #expect(!verdict.isGood && verdict.failed == ["c", "d", "e"])
        #expect(
            verdict.lines == ["blocked: d, e", "not tried, names do not resolve: c", "not tried: b"])
    }

    @Test func whatTheRulesDoNotKnowIsInvalid() async {
        var row = RuleService.Trial()
        row.rows = ["nobody"]
        var host = RuleService.Trial()
        host.hosts = ["nobody=host"]
        for trial in [row, host] {
            let error = await #expect(throws: ManagementError.self) {
                try await RuleService(nil).check(trial) { _, _ in }
            }
            #expect(error?.code == .invalid && error?.fix == "see `dropgate rules list`")
        }
    }

    @Test func sourceListsAreWrittenForAFirewallOrRefusedWithAReason() async throws {
        let gate = try TestGate.plain()
        let shut = await #expect(throws: ManagementError.self) {
            try await RuleService(SettingsLoader.load(file: gate.config)).export(
                .ingress(channels: []), as: .nftables)
        }
        #expect(shut?.code == .refused && shut?.message.hasPrefix("nothing was exported: ") == true)
        try gate.write("dropgate.yaml", "webhook: {listen: 127.0.0.1:8443, plaintext: true}\n")
        let text = try await RuleService(SettingsLoader.load(file: gate.config)).export(
            .ingress(channels: []), as: .nftables)
        #expect(text.contains("20.21.208.105"))
    }

    /// As a running gate has them in force: a sender of a list that came after the start must not be shut out.
    @Test func listsThatComeAndGoAreThoseOfTheFirewall() async throws {
        let gate = try TestGate.plain()
        try gate.write("dropgate.yaml", "webhook: {listen: 127.0.0.1:8443, plaintext: true}\n")
        let rules = RuleService(try SettingsLoader.load(file: gate.config))
        func export() async throws -> String {
            try await rules.export(.ingress(channels: []), as: .edl)
        }
        try gate.write(
            "sources/second.yaml", "entries: [{cidr: 192.0.2.7, service: a, channels: [webhook]}]\n")
        #expect(try await export().contains("\n192.0.2.7/32\n"))
        try FileManager.default.removeItem(atPath: gate.path("sources/second.yaml"))
        let text = try await export()
        #expect(text.contains("20.21.208.105/32") && !text.contains("192.0.2.7"))
    }

    @Test func withoutSettingsOnlyVSeesRulesAreWritten() async throws {
        let rules = RuleService(nil)
        #expect(try await rules.export(.egress(.init()), as: .edl).contains("*.vsee.qa"))
        let error = await #expect(throws: ManagementError.self) {
            try await rules.export(.ingress(channels: []), as: .edl)
        }
        #expect(error?.code == .configuration)
    }
}
