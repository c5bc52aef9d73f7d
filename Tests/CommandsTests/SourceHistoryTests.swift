// History is answered by the lists that were in force then, from the ledger and the archive beside it; what is not known is
// said.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import Management
import Settings
import Testing

@Suite struct SourceHistoryTests {
    @Test func aMomentThatIsOverIsDecidedByTheListsOfThen() async throws {
        let old = try await OldGate()
        let before = try await old.explain("20.21.208.105", day: 1.5)
        #expect(before.status == 0 && before.json["verdict"]?.string == "accepted")
        #expect(before.json["policy"]?.string == old.old && before.json["lists"]?["entry"]?.int == 0)
        #expect(before.json["lists"]?["from"]?.string == "history" && before.json["known"]?.bool == true)
        #expect(
            before.text.out.contains("\(old.old), in force since the gate's start at \(old.start) (entry 0)"))
        let after = try await old.explain("20.21.208.105", day: 2.5)
        #expect(after.status == 1 && after.json["reason"]?.string == "not_listed")
        #expect(after.json["policy"]?.string == old.new)
        #expect(after.text.out.contains("in force since the change at "))
        // Not listed then, although it is today.
        #expect(try await old.explain("20.21.208.106", day: 1.5).status == 1)
    }

    @Test func theMomentOfTheChangeIsDecidedByTheNewLists() async throws {
        let old = try await OldGate()
        #expect(try await old.explain("20.21.208.106", day: 2).status == 0)
    }

    @Test func aMomentWithoutARunningGateIsSaidToBeOne() async throws {
        let old = try await OldGate()
        let answer = try await old.explain("20.21.208.106", day: 5)
        #expect(
            answer.status == 0 && answer.json["lists"]?["stopped"]?.string == "\(old.start + OldGate.day * 4)"
        )
        #expect(answer.text.error.contains("the gate had stopped at"))
    }

    @Test func whatCameBeforeTheLedgerIsNotKnown() async throws {
        let old = try await OldGate()
        let answer = try await old.explain("20.21.208.106", day: -1)
        #expect(answer.status == 1 && answer.json["known"]?.bool == false && answer.json["verdict"] == nil)
        #expect(answer.text.out.contains("unknown  the lists in force at"))
    }

    @Test(arguments: [true, false])
    func aPolicyThatIsMissingOrChangedIsSaidToBeUnknown(removes: Bool) async throws {
        let old = try await OldGate()
        let file = try old.file(old.old)
        if removes {
            try FileManager.default.removeItem(atPath: file)
        } else {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try Data(text.replacingOccurrences(of: ".105", with: ".104").utf8).write(
                to: URL(fileURLWithPath: file))
        }
        let answer = try await old.explain("20.21.208.105", day: 1.5)
        #expect(answer.status == 1 && answer.json["known"]?.bool == false)
        #expect(answer.json["lists"]?["policy"]?.string == old.old)
        let why = removes ? "are not kept in" : "cannot be trusted"
        #expect(
            answer.json["lists"]?["unknown"]?.string?.contains(why) == true && answer.text.out.contains(why))
        #expect(try await old.explain("20.21.208.105", day: 2.5).json["known"]?.bool == true)
        let approval = await old.gate.run("source", "explain", "--entry", "\(old.seq)")
        #expect(
            approval.status == 1 && approval.out.contains("what these entries said then is not known"),
            "\(approval)")
    }

    @Test func momentsToComeAreDecidedByTheListsOfNow() async throws {
        let old = try await OldGate()
        let answer = try await old.explain("20.21.208.106", day: 30)
        #expect(answer.status == 0 && answer.json["lists"]?["from"]?.string == "files")
    }

    @Test func whoAnswersForAnAttemptIsSaidByItsEntryAndByItsDrop() async throws {
        let old = try await OldGate()
        for arguments in [["--entry", "\(old.seq)"], ["--drop", old.drop.uppercased()]] {
            let text = await TestGate.run(["source", "explain"] + arguments + ["--config", old.gate.config])
            #expect(text.status == 0, "\(text)")
            for line in [
                "vsee/clinic 20.21.208.105/32", "owner     integration", "document  Diagram, read 2026-11-01",
                "review by 2027-02-01", "drop     \(old.drop)", "entry 0",
            ] { #expect(text.out.contains(line), "\(line) in \(text.out)") }
            let json = try JSONValue(
                parsing: Array(
                    await TestGate.run(
                        ["source", "explain"] + arguments + ["--format", "json", "--config", old.gate.config]
                    ).out.utf8))
            let entry = try #require(json["list_entries"]?.array?.first)
            #expect(entry["id"]?.string == "vsee/clinic" && entry["owner"]?.string == "integration")
            #expect(json["lists"]?["policy"]?.string == old.old && json["drop"]?["id"]?.string == old.drop)
        }
    }

    @Test func anEntryThatWasRejectedIsANo() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        var attempt = Attempt(kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
        attempt.policy = intake.policy.version
        let rejected = try await intake.record(attempt)
        let stopped = try await intake.record(
            Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .stopped))
        await intake.close()
        let no = await gate.run("source", "explain", "--entry", "\(rejected)")
        #expect(no.status == 1 && no.out.contains("rejected"), "\(no)")
        let none = await gate.run("source", "explain", "--entry", "\(stopped)", "--format", "json")
        #expect(none.status == 0, "\(none)")
    }

    @Test(
        arguments: [
            (["--entry", "99"], 1, "there is no entry 99"), (["--drop", "nonsense"], 1, "is not a drop id"),
            (["--entry", "1", "20.21.208.105"], 64, "stand alone"),
            (["--entry", "1", "--at", "now"], 64, "stand alone"),
        ] as [([String], Int32, String)])
    func whatHasNoAnswerIsSaid(arguments: [String], status: Int32, message: String) async throws {
        let old = try await OldGate()
        let answer = await TestGate.run(["source", "explain"] + arguments + ["--config", old.gate.config])
        #expect(answer.status == status && answer.error.contains(message), "\(answer)")
    }

    @Test func aBadFileIsSaidToBeOutOfForceAndTheListsInForceAreShown() async throws {
        let old = try await OldGate()
        try old.gate.write("sources/vsee.yaml", "bogus: 1\n")
        let list = await old.gate.run("source", "list")
        #expect(list.status == 78 && list.out.contains("20.21.208.106/32"), "\(list)")
        #expect(list.error.contains("NOT in force") && list.error.contains("bogus: unknown key"), "\(list)")
        let json = try JSONValue(
            parsing: Array(await old.gate.run("source", "list", "--format", "json").out.utf8))
        #expect(json["policy"]?.string == old.new && json["lists"]?["files_good"]?.bool == false)
        #expect(json["lists"]?["problems"]?.array?.isEmpty == false)
        let explained = await old.gate.run("source", "explain", "20.21.208.106", "--channel", "webhook")
        #expect(explained.status == 0 && explained.error.contains("NOT in force"), "\(explained)")
        try FileManager.default.removeItem(atPath: old.file(old.new))
        let unknown = await old.gate.run("source", "list")
        #expect(
            unknown.status == 78
                && unknown.error.contains("it is not known which lists are in force meanwhile"))
        #expect(unknown.out.isEmpty, "\(unknown)")
    }

    /// The gate runs, or was killed: the last start is of other lists than the files have.
    @Test(arguments: [false, true])
    func filesThatAreNotInForceAreSaidToBeSoAlsoWhereTheStartIsSealed(isSealed: Bool) async throws {
        let gate = try TestGate.plain()
        let version = try gate.policy().version
        let ledger = LedgerHandle(file: gate.path("state/ledger.sqlite"))
        do {
            let store = try ledger.open(node: "gate-1")
            var start = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
            start.policy = version
            let call = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
            let attempts = [start] + Array(repeating: call, count: 300)
            _ = try store.commit(attempts.map { .append($0, drop: nil) }, now: .now())
            if isSealed {
                let segment = try ledger.sealing().writeSegment(0, 0..<256)
                _ = try store.commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], now: .now())
            }
        }
        #expect(await gate.run("source", "list").error.isEmpty)
        let text = try gate.read("sources/vsee.yaml")
        try gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: ".106"))
        let answer = await gate.run("source", "list")
        #expect(answer.error.contains("the files are not in force: since "), "\(answer)")
        #expect(answer.error.contains("(entry 0) the gate has the lists \(version)"), "\(answer)")
    }

    @Test func aReportOfThePastNamesTheListsOfItsEnd() async throws {
        let old = try await OldGate()
        func report(_ end: Double) async throws -> JSONValue {
            let until = "\(old.start + .seconds(end * 86_400))"
            let answer = await old.gate.run(
                "report", "--since", "\(old.start)", "--until", until, "--format", "json")
            return try JSONValue(parsing: Array(answer.out.utf8))
        }
        let then = try await report(1.5)
        #expect(then["policy"]?.string == old.old && then["policy_notes"]?.array?.isEmpty == true)
        #expect(then["entries"]?.array?.map { $0["cidr"]?.string } == ["20.21.208.105/32"])
        try FileManager.default.removeItem(atPath: old.file(old.old))
        let unknown = try await report(1.5)
        #expect(unknown["policy_notes"]?.array?.first?.string?.contains("is not known") == true)
    }

    @Test func aChangeOfAListSaysWhatItMeansForRecentCallers() async throws {
        let old = try await OldGate()
        let added = await old.gate.run(
            "source", "add", "20.21.208.0/24", "--service", "lab", "--channel", "webhook")
        #expect(added.status == 0, "\(added)")
        #expect(added.error.contains("note: 20.21.208.105 on webhook was refused, last at"), "\(added)")
        try old.gate.write(
            "sources/vsee.yaml",
            "entries:\n\(TestGate.entry)  - {cidr: 9.9.9.9, service: x, channels: [sftp]}\n")
        let removed = await old.gate.run("source", "remove", "20.21.208.105")
        #expect(removed.status == 0, "\(removed)")
        #expect(
            removed.error.contains(
                "warning: 20.21.208.105 on webhook was let in by vsee/clinic, last at \(old.start + OldGate.day); "
                    + "it is refused from now on (not_listed)"), "\(removed)")
    }
}
