// What a command does when its answer cannot be written.
import Admission
import Commands
import CoreFoundation
import Files
import Foundation
import Glibc
import Intake
import JSON
import Ledger
import Management
import Settings
import Support
import Testing

@Suite struct OutputTests {
    private static let (full, closed) = (SystemError(ENOSPC), SystemError(EPIPE))

    /// A gate whose ledger has entries 0 to 2, the last of a drop; or entries of more drops behind it.
    private func gate(drops: Int = 1) async throws -> (gate: TestGate, drop: DropOutcome) {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        for _ in 0..<2 {
            try await intake.record(
                Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started))
        }
        let drop = try await receive("e-1", "{}", in: intake)
        for number in 1..<drops { _ = try await receive("e-1-\(number)", "{\"n\":\(number)}", in: intake) }
        await intake.waitUntilStaged()
        await intake.close()
        return (gate, drop)
    }

    private func receive(_ id: String, _ body: String, in intake: Intake) async throws -> DropOutcome {
        let event = WebhookEvent(
            path: "/webhooks/vsee", body: Array(body.utf8), eventID: id, eventType: "visit.ended",
            envelope: "v2", contentType: nil)
        return try await intake.receive(
            event,
            attempt: Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed))
    }

    private func run(_ arguments: [String], room: Int = 0, then failure: SystemError) async -> TestGate.Answer
    {
        let capture = Output.Capture(room: room, then: failure)
        let status = await Output.$capture.withValue(capture) { await Program.run(arguments) }
        return TestGate.Answer(status: status, out: capture.out, error: capture.error)
    }

    private func entries(_ gate: TestGate, above seq: Int64) throws -> [JSONValue] {
        let reader = try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader()
        return try ((seq + 1)..<((try reader.lastSeq() ?? -1) + 1)).compactMap {
            try reader.entry(seq: $0)?.value()
        }
    }

    @Test(
        arguments: [
            ["attempts"], ["attempts", "--format", "csv", "--limit", "0"], ["report"],
            ["report", "--format", "json"],
            ["drops", "list"], ["drops", "list", "--waiting"], ["drops", "list", "--format", "json"],
            ["drops", "verify"], ["source", "list"],
            ["source", "explain", "20.21.208.105", "--channel", "webhook"],
            ["source", "explain", "--entry", "0"],
            ["account", "list"],
            ["rules", "list"],
            ["rules", "export", "--direction", "egress", "--format", "edl"],
        ])
    func anAnswerThatCannotBeWrittenIsAnErrorAndAReaderThatLeavesIsNone(arguments: [String]) async throws {
        let gate = try await gate().gate
        let command = arguments + ["--config", gate.config]
        let whole = await TestGate.run(command)
        try #require(whole.status == 0 && !whole.out.isEmpty, "\(whole)")
        let unwritten = await run(command, then: Self.full)
        #expect(unwritten.status == 1, "\(unwritten)")
        #expect(unwritten.error == "dropgate: write error: No space left on device\n", "\(unwritten)")
        let left = await run(command, then: Self.closed)
        #expect(left.status == 0 && left.error.isEmpty, "\(left)")
    }

    @Test(arguments: [
        ["--help"], ["--version"], ["ledger", "verify", "--help"], ["--generate-completion-script=bash"],
    ])
    func whatTheParserPrintsIsAnAnswerToo(arguments: [String]) async {
        let unwritten = await run(arguments, room: 5, then: Self.full)
        #expect(
            unwritten.status == 1 && unwritten.error == "dropgate: write error: No space left on device\n")
        #expect(await run(arguments, then: Self.closed).status == 0)
    }

    @Test func aNoIsANoWhetherItIsReadOrNot() async throws {
        let gate = try await gate().gate
        let command = ["source", "explain", "192.0.2.1", "--config", gate.config]
        let left = await run(command, then: Self.closed)
        #expect(left.status == 1 && left.error.isEmpty, "\(left)")
        let unwritten = await run(command, then: Self.full)
        #expect(unwritten.status == 1 && unwritten.error.contains("write error"), "\(unwritten)")
        // A status of its own is not lost either.
        try gate.write("accounts/bad.yaml", "nonsense: 1\n")
        let bad = await run(["account", "list", "--config", gate.config], then: Self.full)
        #expect(bad.status == 78 && bad.error.contains("write error") && bad.error.contains("bad.yaml"))
    }

    /// They are told of one after the other, as they are found.
    @Test(arguments: [closed, full])
    func alteredFilesAreANoAlsoWhenNobodyReadsBehindTheFirst(failure: SystemError) async throws {
        let gate = try await gate(drops: 2).gate
        let listed = await gate.run("drops", "list", "--format", "json").out
        for line in listed.split(separator: "\n") {
            let file = try #require(try JSONValue(parsing: Array(line.utf8))["file"]?.string)
            try gate.write("state/staging/\(file)", "altered")
        }
        let command = ["drops", "verify", "--config", gate.config]
        let whole = await TestGate.run(command)
        let lines = whole.out.split(separator: "\n")
        try #require(whole.status == 1 && lines.count == 3, "\(whole)")
        let answer = await run(command, room: lines[0].utf8.count + 1, then: failure)
        #expect(answer.status == 1 && answer.out == "\(lines[0])\n", "\(answer)")
        #expect(answer.error.contains("write error") == (failure == Self.full), "\(answer)")
    }

    @Test(arguments: [["--format", "json"], ["--count", "2", "--interval", "1ms"]])
    func aGateThatIsNotReachedIsANoWhetherItIsReadOrNot(arguments: [String]) async {
        let command = ["probe", "webhook", "https://127.0.0.1:1/", "--timeout", "5s"] + arguments
        let left = await run(command, then: Self.closed)
        #expect(left.status == 1 && !left.error.contains("write error"), "\(left)")
        let unwritten = await run(command, then: Self.full)
        #expect(unwritten.status == 1 && unwritten.error.contains("write error"), "\(unwritten)")
    }

    @Test(arguments: [
        (full, "write error: No space left on device"), (closed, "the reader left before the end"),
    ])
    func anExportThatEndsBeforeItsEndIsAnEntryThatSaysHowFarItCame(failure: SystemError, why: String)
        async throws
    {
        let gate = try await gate().gate
        let command = ["attempts", "--format", "jsonl", "--limit", "0", "--config", gate.config]
        let whole = await TestGate.run(command)
        let two = whole.out.split(separator: "\n").prefix(2).reduce(0) { $0 + $1.utf8.count + 1 }
        let answer = await run(command, room: two + 7, then: failure)
        #expect(answer.out.utf8.count == two + 7)
        let added = try entries(gate, above: 3)
        try #require(added.count == 2, "\(added)")
        #expect(added[0]["reason"] == "exported" && added[0]["seq"] == 4)
        #expect(added[1]["kind"] == "access" && added[1]["reason"] == "exported_in_part")
        let detail = added[1]["detail"]
        #expect(detail?["part_of"] == 4 && detail?["command"] == "attempts", "\(added[1])")
        #expect(detail?["why"]?.string == why && detail?["user"] != nil)
        #expect(detail?["entries"] == 2 && detail?["last"] == 1 && detail?["bytes"]?.int == Int64(two + 7))
    }

    @Test func aReportThatCannotBeWrittenIsRecordedAsOneInPart() async throws {
        let gate = try await gate().gate
        for target in [[], ["--output", "/dev/full"]] {
            let answer = await run(
                ["report", "--format", "json", "--config", gate.config] + target, room: 9, then: Self.full)
            #expect(answer.status != 0)
            let added = try entries(gate, above: 2)
            let part = try #require(added.last)
            #expect(part["reason"] == "exported_in_part", "\(added)")
            #expect(part["detail"]?["bytes"]?.int == (target.isEmpty ? 9 : 0))
            #expect(part["detail"]?["part_of"] == added.dropLast().last?["seq"])
        }
        let report = await gate.run("report").out
        #expect(
            report.contains("report of entry 3 ended in part: write error: No space left on device"),
            "\(report)")
    }

    @Test func aTableThatCannotBeWrittenIsNoExport() async throws {
        let gate = try await gate().gate
        #expect(await run(["attempts", "--config", gate.config], room: 100, then: Self.full).status == 1)
        #expect(try entries(gate, above: 2).isEmpty)
    }

    @Test func whatIsAskedForIsDoneWhetherItCanBeToldOrNot() async throws {
        let (gate, drop) = try await gate()
        let answer = await run(["drops", "ack", drop.id, "--config", gate.config], then: Self.full)
        #expect(answer.status == 1 && answer.error.contains("the change is made; write error"))
        #expect(await gate.run("drops", "show", drop.id).out.contains("acknowledged"))
    }

    @Test(
        arguments: [
            ["source", "add", "192.0.2.7", "--service", "lab", "--channel", "webhook"],
            ["source", "remove", "192.0.2.9"],
            ["account", "disable", "vsee"], ["account", "enable", "vsee"], ["account", "remove", "vsee"],
            ["ledger", "rotate-key"],
        ])
    func aChangeThatCannotBeToldIsSaidToBeMade(arguments: [String]) async throws {
        let gate = try await gate().gate
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        let more = await gate.run("source", "add", "192.0.2.9", "--service", "old", "--channel", "webhook")
        #expect(more.status == 0, "\(more)")
        try gate.write("vsee.pub", SampleKeys.ed25519 + "\n")
        let account = await gate.run("account", "add", "vsee", "--key", gate.path("vsee.pub"))
        #expect(account.status == 0, "\(account)")
        let answer = await run(arguments + ["--config", gate.config], then: Self.full)
        #expect(answer.status == 1, "\(answer)")
        #expect(
            answer.error.contains("dropgate: the change is made; write error: No space left on device\n"),
            "\(answer)")
        let left = await run(["ledger", "checkpoint", "--config", gate.config], then: Self.full)
        #expect(
            left.error == "dropgate: the checkpoint is signed; write error: No space left on device\n",
            "\(left)")
    }

    @Test func aBundleThatCannotBeMadeLeavesNothingAndIsRecorded() async throws {
        let gate = try await gate().gate
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        #expect(await gate.run("ledger", "checkpoint").status == 0)
        let name = String(repeating: "b", count: 300)
        let answer = await gate.run("ledger", "export", "--output", gate.path(name))
        #expect(answer.status == 70 && answer.error.contains("File name too long"), "\(answer)")
        let part = try #require(try entries(gate, above: 2).last)
        #expect(part["reason"] == "exported_in_part" && part["detail"]?["entries"] == 0, "\(part)")
        try gate.write("taken/file", "")
        let taken = await gate.run("ledger", "export", "--output", gate.path("taken"))
        #expect(
            taken.status == 1 && taken.error.contains("\(gate.path("taken")) is there already"), "\(taken)")
        #expect(try entries(gate, above: 2).last == part, "nothing was tried")
    }

    @Test func aBackupThatCannotBeMadeLeavesNothingAndIsRecorded() async throws {
        let gate = try await gate().gate
        // What should be a directory cannot be copied as one.
        try? FileManager.default.removeItem(atPath: gate.path("state/policies"))
        try gate.write("state/policies", "")
        let answer = await gate.run("ledger", "backup", gate.path("copy"))
        #expect(answer.status == 70, "\(answer)")
        #expect(!FileManager.default.fileExists(atPath: gate.path("copy")))
        #expect(!FileManager.default.fileExists(atPath: gate.path("copy.new")))
        let added = try entries(gate, above: 2)
        let whole = try #require(added.first { $0["reason"] == "exported" }, "\(added)")
        let part = try #require(added.last)
        #expect(part["reason"] == "exported_in_part" && part["detail"]?["command"] == "ledger backup")
        #expect(part["detail"]?["part_of"] == whole["seq"], "\(added)")
    }

    @Test func aDeviceIsWrittenToAndStaysOne() async throws {
        let gate = try await gate().gate
        let fifo = gate.path("fifo")
        try #require(mkfifo(fifo, 0o600) == 0)
        let reader = open(fifo, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        #expect(
            await gate.run("rules", "export", "--direction", "egress", "--format", "edl", "--output", fifo)
                .status == 0)
        var bytes = [UInt8](repeating: 0, count: 4096)
        #expect(read(reader, &bytes, bytes.count) > 0)
        let full = await gate.run(
            "rules", "export", "--direction", "egress", "--format", "edl", "--output", "/dev/full")
        #expect(full.status == 75 && full.error.contains("cannot write /dev/full: No space left on device"))
        var status = stat()
        #expect(stat("/dev/full", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }
}
