// Who did it and why: each command that changes, releases or takes something leaves an entry that names its person.
import Admission
import Commands
import Foundation
import Intake
import JSON
import Ledger
import Management
import Settings
import Support
import Testing

@Suite struct AttributionTests {
    /// A gate that has run: with a ledger and its key.
    private func gate() async throws -> TestGate {
        let gate = try TestGate.plain()
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        let intake = try gate.openIntake()
        try await intake.record(Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started))
        await intake.close()
        return gate
    }

    /// A released event; the ledger is free again.
    private func released(in gate: TestGate) async throws -> DropOutcome {
        let intake = try gate.openIntake()
        let event = WebhookEvent(
            path: "/", body: [1], eventID: nil, eventType: nil, envelope: "unrecognised", contentType: nil)
        let drop = try await intake.receive(
            event, attempt: Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed))
        await intake.waitUntilStaged()
        await intake.close()
        return drop
    }

    private func entries(_ gate: TestGate) throws -> [JSONValue] {
        var query = LedgerQuery()
        query.order = .oldestFirst
        return try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader().entries(query).map {
            try $0.value()
        }
    }

    private func expect(
        _ entry: JSONValue?, _ kind: String, _ reason: String, comment: String,
        at place: SourceLocation = #_sourceLocation
    ) {
        let facts = entry?["detail"]
        #expect(entry?["kind"]?.string == kind && entry?["reason"]?.string == reason, sourceLocation: place)
        #expect(facts?["uid"]?.int == Int64(geteuid()), sourceLocation: place)
        #expect(facts?["comment"]?.string == comment, sourceLocation: place)
    }

    @Test func changesOfListsNameThePersonAndTheReason() async throws {
        let gate = try await gate()
        let added = await gate.run(
            "source", "add", "192.0.2.1", "--service", "lab", "--channel", "webhook", "--comment",
            "CHG-17: laborätory")
        #expect(added.status == 0 && added.error.isEmpty, "\(added)")
        let removed = await gate.run("source", "remove", "192.0.2.1", "--comment", "gone")
        #expect(removed.status == 0 && removed.error.isEmpty, "\(removed)")
        let entries = try entries(gate)
        try #require(entries.count == 3)
        expect(entries[1], "policy", "changed", comment: "CHG-17: laborätory")
        #expect(entries[1]["detail"]?["command"] == "source add" && entries[1]["policy"] == nil)
        #expect(entries[1]["detail"]?["file"]?.string == gate.path("sources/vsee.yaml"))
        #expect(entries[1]["detail"]?["diff"]?.array?.first?.string?.hasPrefix("+ vsee/lab") == true)
        expect(entries[2], "policy", "changed", comment: "gone")
        let report = await gate.run("report", "--format", "text")
        #expect(report.out.contains("source add by") && report.out.contains("(gone)"), "\(report)")
    }

    @Test func changesOfAccountsNameThePersonAndTheReason() async throws {
        let gate = try await gate()
        try gate.write("lab.pub", SampleKeys.ed25519 + "\n")
        for arguments in [
            ["add", "lab", "--key", gate.path("lab.pub")], ["disable", "lab"], ["disable", "lab"],
            ["enable", "lab"],
            ["remove", "lab"],
        ] {
            let answer = await TestGate.run(
                ["account"] + arguments + ["--comment", arguments[0], "--config", gate.config])
            #expect(answer.status == 0 && answer.error.isEmpty, "\(answer)")
        }
        let entries = try entries(gate).dropFirst()
        #expect(
            entries.map { $0["account"] } == Array(repeating: "lab", count: 4),
            "the second time changed nothing")
        for (entry, what) in zip(entries, ["add", "disable", "enable", "remove"]) {
            expect(entry, "policy", "changed", comment: what)
            #expect(entry["detail"]?["command"]?.string == "account \(what)")
        }
        #expect(
            entries.map { $0["detail"]?["accounts"]?.array?.first } == [
                "+ lab", "~ lab (disabled)", "~ lab (enabled)", "- lab",
            ])
    }

    @Test func aChangeBeforeTheFirstStartIsMadeAndSaidNotToBeRecorded() async throws {
        let gate = try TestGate.plain()
        let added = await gate.run("source", "add", "192.0.2.1", "--service", "lab", "--channel", "webhook")
        #expect(added.status == 0 && added.out.hasPrefix("+ vsee/lab"), "\(added)")
        #expect(added.error.contains("not recorded: there is no ledger yet"))
        #expect(!FileManager.default.fileExists(atPath: gate.path("state/ledger.sqlite")))
    }

    @Test func aChangeThatCannotBeRecordedIsMadeAndSaidSo() async throws {
        let gate = try await gate()
        let intake = try gate.openIntake()
        let added = await gate.run("source", "add", "192.0.2.1", "--service", "lab", "--channel", "webhook")
        #expect(added.status == 0 && added.error.contains("who made it is not recorded"), "\(added)")
        #expect(added.error.contains("another process writes this ledger"))
        await intake.close()
    }

    @Test func anAcknowledgementWithoutAGateIsAnEntry() async throws {
        let gate = try await gate()
        let drop = try await released(in: gate)
        for status in [Int32(0), 1] {
            #expect(await gate.run("drops", "ack", drop.id, "--comment", "loaded").status == status)
        }
        let entries = try entries(gate)
        try #require(entries.count == 3, "only the first one was one")
        expect(entries[2], "access", "read", comment: "loaded")
        #expect(entries[2]["detail"]?["drop"]?.string == drop.id)
        #expect(entries[2]["detail"]?["file"]?.string == drop.name)
    }

    @Test func checkpointsRotationsAndExportsNameThePersonAndTheReason() async throws {
        let gate = try await gate()
        for arguments in [
            ["ledger", "checkpoint"], ["ledger", "rotate-key"],
            ["ledger", "export", "--output", gate.path("bundle")], ["attempts", "--format", "csv"],
            ["report"],
        ] {
            let answer = await TestGate.run(
                arguments + ["--comment", "audit of November", "--config", gate.config])
            #expect(answer.status == 0, "\(answer)")
        }
        let entries = try entries(gate).dropFirst()
        let kinds = [
            "access read", "service changed", "access exported", "access exported", "access exported",
        ]
        #expect(entries.count == kinds.count)
        for (entry, kind) in zip(entries, kinds) {
            let words = kind.split(separator: " ").map(String.init)
            expect(entry, words[0], words[1], comment: "audit of November")
        }
        #expect(await gate.run("ledger", "verify").status == 0)
    }

    @Test(arguments: ["", "two\nlines", "\u{202E}backwards", "\u{7}", String(repeating: "x", count: 1025)])
    func aCommentThatCannotStandInAnEntryIsRefused(comment: String) async throws {
        let gate = try await gate()
        let answer = await gate.run("ledger", "checkpoint", "--comment", comment)
        #expect(answer.status == 64 && answer.error.contains("--comment: the comment"), "\(answer)")
        #expect(try entries(gate).count == 1)
    }

    @Test(
        arguments: [
            ([:], nil), (["SUDO_USER": "alice"], nil), (["SUDO_UID": "1000"], nil),
            (["SUDO_USER": "", "SUDO_UID": "1000"], nil), (["SUDO_USER": "alice", "SUDO_UID": "-1"], nil),
            (["SUDO_USER": "alice", "SUDO_UID": "+1"], nil),
            (["SUDO_USER": "alice", "SUDO_UID": "4294967296"], nil),
            (["SUDO_USER": "alice", "SUDO_UID": "1000"], 1000),
        ] as [([String: String], UInt32?)])
    func whatSudoSaysIsAClaimWhereItIsWhole(environment: [String: String], uid: UInt32?) {
        #expect(SudoClaim(environment: environment)?.uid == uid)
    }

    @Test func aClaimStandsApartFromWhatTheKernelSays() throws {
        let claim = SudoClaim(environment: ["SUDO_USER": "ali\nce", "SUDO_UID": "1000"])
        let facts = try Attribution(.localUser(LocalUser(4_000_000_001, login: 0, claim: claim))).facts
        #expect(facts["uid"] == 4_000_000_001 && facts["user"] == nil)
        #expect(facts["login_uid"] == 0 && facts["login_user"] == "root")
        #expect(facts["claimed"] == ["sudo_user": "ali\\u{A}ce", "sudo_uid": 1000])
    }

    @Test func whoSignedInAtTheConsoleIsNamedByTokenSessionAndAddress() throws {
        let principal = Principal.browser(
            session: "s1", token: "ops", role: .operator, address: try IPAddress("192.0.2.7"))
        let facts = try Attribution(principal, comment: "why").facts
        #expect(
            facts == [
                "session": "s1", "token": "ops", "role": "operator", "address": "192.0.2.7", "comment": "why",
            ])
        #expect(PersonWords(.object(facts))?.name == "token ops at 192.0.2.7")
    }
}
