// `dropgate ledger backup`: what a restored copy proves, and what is left of one that fails.
import Admission
import Commands
import Foundation
import Intake
import JSON
import Ledger
import Management
import Settings
import Testing

@Suite struct LedgerBackupTests {
    private func gate(entries: Int) async throws -> TestGate {
        let gate = try TestGate.plain()
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        let intake = try gate.openIntake()
        for _ in 0..<entries { try await intake.record(.started) }
        await intake.close()
        return gate
    }

    @Test func aCopyVerifiesWithTheKeysThatLieBesideItAndIsAnAccess() async throws {
        let gate = try await gate(entries: 5)
        let answer = await gate.run("ledger", "backup", gate.path("copy"), "--format", "json")
        let json = try JSONValue(parsing: Array(answer.out.utf8))
        #expect(answer.status == 0 && json["entries"] == 7 && json["signed"] == 7, "\(answer)")
        #expect(try gate.mode("copy") == 0o700 && gate.mode("copy/ledger.sqlite") == 0o600)
        #expect(try gate.mode("copy/keys/ledger.key") == 0o600)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: gate.path("copy")).sorted() == [
                "checkpoints", "keys", "ledger.sqlite", "policies",
            ], "one file, which opens where nobody may write")
        let reader = try LedgerHandle(file: gate.path("copy/ledger.sqlite")).reader()
        #expect(try reader.entry(seq: 5)?.value()["detail"]?["command"] == "ledger backup")
        // Where it is put back, under the settings of the gate.
        try FileManager.default.moveItem(atPath: gate.path("state"), toPath: gate.path("lost"))
        try FileManager.default.moveItem(atPath: gate.path("copy"), toPath: gate.path("state"))
        try GateDirectories.make(gate.path("state/run"))
        let verified = await gate.run("ledger", "verify")
        #expect(verified.status == 0 && verified.out.contains("verified 0…6"), "\(verified)")
        let intake = try gate.openIntake()
        #expect(try await intake.record(.started) == 7, "the copy goes on")
        await intake.close()
    }

    @Test func aCopyHoldsWhatIsNotYetInTheLedgersMainFile() async throws {
        let gate = try await gate(entries: 1)
        let intake = try gate.openIntake()
        for _ in 0..<50 { try await intake.record(.started) }
        _ = try LedgerHandle(file: gate.path("state/ledger.sqlite"))
            .backUp(into: { try GateDirectories.make(gate.path("copy"))[0] }())
        await intake.close()
        #expect(try LedgerHandle(file: gate.path("copy/ledger.sqlite")).reader().size() == 51)
    }

    @Test func nothingIsReplacedAndNothingHalfIsLeft() async throws {
        let gate = try await gate(entries: 2)
        try gate.write("taken/file", "x")
        var answer = await gate.run("ledger", "backup", gate.path("taken"))
        #expect(answer.status == 1 && answer.error.contains("is there already"), "\(answer)")
        #expect(try gate.read("taken/file") == "x")
        answer = await gate.run("ledger", "backup", gate.path("no/such/place"))
        #expect(answer.status == 1 && answer.error.contains("No such file or directory"), "\(answer)")
        try GateDirectories.make(gate.path("half.new"))
        answer = await gate.run("ledger", "backup", gate.path("half"))
        #expect(
            answer.status == 1 && answer.error.contains("an unfinished backup is left there"), "\(answer)")
        // A ledger that cannot be copied leaves no directory.
        try FileManager.default.removeItem(atPath: gate.path("state/ledger.sqlite"))
        answer = await gate.run("ledger", "backup", gate.path("none"))
        #expect(answer.status != 0 && answer.error.contains("there is no ledger at"), "\(answer)")
        #expect(!FileManager.default.fileExists(atPath: gate.path("none")))
        #expect(!FileManager.default.fileExists(atPath: gate.path("none.new")))
    }
}

extension Attempt {
    fileprivate static var started: Attempt {
        Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
    }
}
