// `dropgate attempts` and `dropgate drops` on a ledger that an Intake wrote.
import Admission
import Audit
import Commands
import Foundation
import Intake
import Ledger
import Testing

@Suite struct AttemptsTests {
    /// A ledger with a stranger's refusal, a login and a stored webhook.
    private func gate() async throws -> (gate: TestGate, drop: DropOutcome) {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        var refused = Attempt(kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
        refused.source = Endpoint(ip: try IPAddress("192.0.2.1"), port: 4000)
        try await intake.record(refused)
        var login = Attempt(kind: .login, channel: .sftp, verdict: .accepted, reason: .listed)
        login.source = Endpoint(ip: try IPAddress("20.21.208.105"))
        login.account = "=cmd|' /C calc'!A0"
        try await intake.record(login)
        var request = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        request.source = Endpoint(ip: try IPAddress("20.21.208.105"))
        let event = WebhookEvent(
            path: "/webhooks/vsee", body: Array("{}".utf8), eventID: "e-1",
            eventType: "visit\u{1B}[31m.ended",
            envelope: "v2", contentType: nil)
        let drop = try await intake.receive(event, attempt: request)
        await intake.waitUntilStaged()
        await intake.close()
        return (gate, drop)
    }

    @Test(
        arguments: [
            ([], 3), (["--verdict", "rejected"], 1), (["--channel", "sftp"], 1),
            (["--source", "20.21.208.0/24"], 2),
            (["--source", "192.0.2.1", "--verdict", "accepted"], 0),
            (["--reason", "listed", "--kind", "login"], 1),
            (["--limit", "1"], 1), (["--limit", "0"], 3), (["--since", "1h"], 3),
            (["--until", "2020-01-01"], 0),
            (["--account", "=cmd|' /C calc'!A0"], 1),
        ] as [([String], Int)])
    func filtersChooseEntries(arguments: [String], count: Int) async throws {
        let gate = try await gate().gate
        let answer = await TestGate.run(
            ["attempts", "--format", "jsonl", "--config", gate.config] + arguments)
        #expect(answer.status == 0, "\(answer)")
        let lines = answer.out.split(separator: "\n")
        #expect(lines.count == count)
        let seqs = try lines.map { try JSONValue(parsing: Array($0.utf8))["seq"]?.int ?? 0 }
        #expect(seqs == seqs.sorted(), "oldest first")
    }

    @Test func theTableShowsNoControlCharacters() async throws {
        let gate = try await gate().gate
        let answer = await TestGate.run(["attempts", "--config", gate.config])
        #expect(answer.out.contains("192.0.2.1") && answer.out.contains("not_listed"))
        #expect(!answer.out.unicodeScalars.contains("\u{1B}"))
    }

    @Test func csvHasEveryColumnAndNoFormula() async throws {
        let gate = try await gate().gate
        let answer = await TestGate.run(["attempts", "--format", "csv", "--config", gate.config])
        let lines = answer.out.components(separatedBy: "\r\n").filter { !$0.isEmpty }
        try #require(lines.count == 4 && lines[0] == CSVFormat.columns.joined(separator: ","))
        #expect(lines[2].contains(",'=cmd|' /C calc'!A0,"))
    }

    @Test func aDropIsListedShownVerifiedAndAcknowledged() async throws {
        let (gate, drop) = try await gate()
        let shown = await gate.run("drops", "show", drop.id, "--format", "json")
        let json = try JSONValue(parsing: Array(shown.out.utf8))
        #expect(json["state"]?.string == "released" && json["bytes"]?.int == 2)
        #expect(json["file"]?.string == gate.path("state/staging/ready/\(drop.name)"))
        #expect(await gate.run("drops", "list").out.contains(drop.id))
        #expect(await gate.run("drops", "verify").status == 0)
        #expect(await gate.run("drops", "ack", drop.id).status == 0)
        #expect(await gate.run("drops", "list", "--state", "acknowledged").out.contains(drop.id))
        #expect(await gate.run("drops", "ack", "nonsense").status == 1)
        #expect(await gate.run("drops", "show", "nonsense").status == 1)
    }

    @Test func anAlteredFileFailsVerificationAndATakenOneDoesNot() async throws {
        let (gate, drop) = try await gate()
        let file = "state/staging/ready/\(drop.name)"
        try gate.write(file, "[]")
        let altered = await gate.run("drops", "verify")
        #expect(altered.status == 1 && altered.out.contains("altered  \(drop.id)"))
        try FileManager.default.removeItem(atPath: gate.path(file))
        let taken = await gate.run("drops", "verify")
        #expect(taken.status == 0 && taken.out.contains("1 taken"))
    }
}
