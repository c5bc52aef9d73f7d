// Commands of the ledger where no gate runs: this process holds the ledger's lock and does what a running gate would.
import Admission
import Commands
import Foundation
import Intake
import JSON
import Ledger
import Management
import Settings
import Testing

@Suite struct LedgerCommandTests {
    /// A gate with a signing key and so many entries.
    private func gate(entries: Int) async throws -> TestGate {
        let gate = try TestGate.plain()
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        let intake = try gate.openIntake()
        for _ in 0..<entries {
            try await intake.record(
                Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started))
        }
        await intake.close()
        return gate
    }

    private func publicKeys(_ gate: TestGate) throws -> [Substring] {
        let key = try SettingsLoader.load(file: gate.config).ledger.key
        return try String(contentsOfFile: key + ".pub", encoding: .utf8).split(separator: "\n")
    }

    @Test func theKeyRotatesAndEverythingStillVerifies() async throws {
        let gate = try await gate(entries: 3)
        let first = await gate.run("ledger", "checkpoint")
        #expect(first.status == 0 && first.out.contains("gate-1"), "\(first)")
        for count in 2...3 {
            let rotated = await gate.run("ledger", "rotate-key")
            let keys = try publicKeys(gate)
            #expect(rotated.status == 0 && keys.count == count, "\(rotated)")
            #expect(rotated.out.contains(try #require(keys.last)))
        }
        let verified = await gate.run("ledger", "verify")
        #expect(verified.status == 0 && verified.out.contains("verified 0…5"), "\(verified)")
        #expect(
            await gate.run("ledger", "checkpoint").out.contains("\n7\n"),
            "three entries, two rotations, two checkpoints that were asked for")
    }

    @Test(arguments: ["--checkpoint", "--key"])
    func aFileThatAVerificationCannotReadIsNamedWithItsOption(option: String) async throws {
        let gate = try await gate(entries: 1)
        for (file, words) in [("nothing", "No such file or directory"), ("state", "is not a regular file")] {
            let answer = await gate.run("ledger", "verify", option, gate.path(file))
            #expect(answer.status == 64 && answer.error.hasPrefix("dropgate: \(option): "), "\(answer)")
            #expect(answer.error.contains(gate.path(file)) && answer.error.contains(words), "\(answer)")
        }
        try gate.write("empty", "")
        let empty = await gate.run("ledger", "verify", "--checkpoint", gate.path("empty"))
        #expect(
            empty.status == 64 && empty.error.contains("empty holds no checkpoint; give a file"), "\(empty)")
    }

    @Test func ofRotationsAtOnceOneIsDoneAndTheKeyFitsTheLedger() async throws {
        let gate = try await gate(entries: 1)
        do {
            let authority = try await LocalAuthority.open(SettingsLoader.load(file: gate.config)) { _ in }
            let done = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<5 { group.addTask { (try? await authority.rotateKey(by: .current)) != nil } }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(done >= 1)
            #expect(try publicKeys(gate).count == 1 + done)
        }
        let (signed, verified) = (await gate.run("ledger", "checkpoint"), await gate.run("ledger", "verify"))
        #expect(signed.status == 0 && verified.status == 0, "\(signed) \(verified)")
    }

    @Test func aProofOfAnEntryIsAnAccessOnlyWithTheEntrysBytes() async throws {
        let gate = try await gate(entries: 1)
        _ = await gate.run("ledger", "checkpoint")
        let reader = try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader()
        let proof = await gate.run("ledger", "prove", "0")
        #expect(proof.status == 0 && proof.out.contains("tlog-proof"), "\(proof)")
        #expect(try reader.lastSeq() == 1, "the checkpoint's")
        let entry = await gate.run("ledger", "prove", "0", "--entry", gate.path("entry.json"))
        #expect(entry.status == 0 && entry.out == proof.out, "\(entry)")
        #expect(try reader.entry(seq: 2)?.value()["detail"]?["command"] == "ledger prove")
        #expect(
            await gate.run("ledger", "prove", "7").error.contains("there is no entry 7; the ledger has 3"))
    }

    @Test func anEmptyLedgerHasNothingToSign() async throws {
        let gate = try await gate(entries: 0)
        let answer = await gate.run("ledger", "checkpoint")
        #expect(answer.status == 1 && answer.error.contains("the ledger has no entries"), "\(answer)")
    }
}
