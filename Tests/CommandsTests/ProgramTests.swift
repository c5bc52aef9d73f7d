// Exit statuses and error messages of whole command lines.
import Foundation
import Testing

@Suite struct ProgramTests {
    @Test(
        arguments: [
            (["--help"], 0), (["source", "explain", "--help"], 0), (["--version"], 0), (["nonsense"], 64),
            (["source", "explain"], 64), (["attempts", "--verdict", "maybe"], 64),
            (["attempts", "--limit", "-1"], 64),
            (["account", "add", "vsee"], 64), (["drops", "list", "--state", "gone"], 64),
            (["serve", "--log-level", "loud"], 64),
            (["source", "explain", "1.2.3.4", "--forwarded-for", "1.2.3.4"], 64),
            (["source", "explain", "--forwarded-for", "1.2.3.4"], 64),
            (["init", "dir", "--config", "file"], 64),
            (["serve", "--config", "/nonexistent/dropgate.yaml"], 78),
        ] as [([String], Int32)])
    func commandLinesEndWithTheirStatus(arguments: [String], status: Int32) async {
        let answer = await TestGate.run(arguments)
        #expect(answer.status == status, "\(answer)")
        #expect(status == 0 ? !answer.out.isEmpty : !answer.error.isEmpty)
    }

    @Test func aReportOfTimeToComeIsRefusedInItsOwnWords() async throws {
        let gate = try TestGate.plain()
        let answer = await gate.run("report", "--since", "2099-01-01")
        #expect(answer.status == 64 && answer.error.contains("--since is in the future"), "\(answer)")
        #expect(!answer.error.contains("--until"), "\(answer)")
        let turned = await gate.run("report", "--since", "2026-02-01", "--until", "2026-01-01")
        #expect(turned.status == 64 && turned.error.contains("--since is not before --until"), "\(turned)")
    }

    @Test func theSessionIsNoCommandOfThisProgram() async {
        let answer = await TestGate.run(["sftp-session", "--socket", "/nowhere"])
        #expect(answer.status == 64 && !answer.error.isEmpty)
    }

    @Test func aBadSettingsFileIsSaidWithLineAndStatus78() async throws {
        let gate = try TestGate.plain()
        try gate.write("dropgate.yaml", "state: state\nwebhok: {}\n")
        let answer = await gate.run("serve", "--check")
        #expect(answer.status == 78 && answer.out.isEmpty)
        #expect(answer.error.contains("\(gate.config):2:1: webhok: unknown key; did you mean webhook?"))
    }

    @Test func checkSaysWhatTheGateWouldDo() async throws {
        let gate = try TestGate.plain()
        let early = await gate.run("serve", "--check")
        #expect(early.status == 78 && early.error.contains("ledger.key"), "as `serve` would say")
        #expect(await gate.run("init").status == 0)
        let answer = await gate.run("serve", "--check")
        #expect(answer.status == 0, "\(answer)")
        #expect(answer.out.contains("webhook  127.0.0.1:0 plain HTTP, /webhooks/vsee, address direct"))
        #expect(answer.out.contains("1 entry in 1 list"))
    }

    @Test func checkReadsSourceListsToo() async throws {
        let gate = try TestGate.plain(entries: "  - cidr: 0.0.0.0/0\n    service: a\n    channels: [sftp]\n")
        let answer = await gate.run("serve", "--check")
        #expect(answer.status == 78)
        #expect(
            answer.error.contains(
                "sources/vsee.yaml:2:11: entries[0].cidr: \"0.0.0.0/0\" holds every address"))
    }

    @Test func serveWithoutAStateDirectorySaysWhatMakesIt() async throws {
        let gate = try TestGate.plain()
        try FileManager.default.removeItem(atPath: gate.path("state"))
        let answer = await gate.run("attempts")
        #expect(answer.status == 70 && answer.error.contains("state/ledger.sqlite"))
    }
}
