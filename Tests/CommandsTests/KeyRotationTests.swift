// A rotation of the ledger's signing key that is cut off: what the next open makes of it, and what is never signed.
import Admission
import Foundation
import Ledger
import Settings
import Support
import Testing

@testable import Management

@Suite struct KeyRotationTests {
    private let gate: TestGate
    private let settings: GateSettings
    private let keys: LedgerKeys
    private let old: NoteSigner
    private let new: NoteSigner

    /// A gate whose ledger has an entry and a checkpoint.
    init() async throws {
        gate = try TestGate.plain()
        try GateDirectories.make(gate.path("state/keys"))
        settings = try SettingsLoader.load(file: gate.config)
        keys = LedgerKeys(settings)
        try keys.make()
        old = try keys.signer()
        new = try NoteSigner(name: old.verifier.name)
        let start = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
        let store = try settings.ledgerHandle.open(node: settings.node)
        _ = try store.commit([.append(start, drop: nil), .checkpoint(old)], now: .now())
    }

    /// How far a rotation had come when the power went. Each step is durable before the next one begins.
    enum Cut: Int, CaseIterable, Sendable {
        case kept, published, announced, signed, installed

        func isAfter(_ step: Cut) -> Bool { rawValue >= step.rawValue }
    }

    private func rotate(until cut: Cut) throws {
        try keys.keepNext(new)
        if cut.isAfter(.published) { try keys.publish(new.verifier) }
        guard cut.isAfter(.announced) else { return }
        let rotation = try KeyRotation(from: old, to: new)
        let store = try settings.ledgerHandle.open(node: settings.node)
        _ = try store.commit([.append(rotation.attempt, drop: nil)], now: .now())
        if cut.isAfter(.signed) { _ = try store.commit([.checkpoint(new)], now: .now()) }
        if cut.isAfter(.installed) { try keys.installNext() }
    }

    @Test(arguments: Cut.allCases)
    func whereverARotationIsCutOffTheLedgersEntriesSayWhichKeySigns(cut: Cut) async throws {
        try rotate(until: cut)
        let isInForce = cut.isAfter(.announced)

        let signed = await gate.run("ledger", "checkpoint")
        #expect(signed.status == 0, "\(signed)")
        let words =
            isInForce
            ? "interrupted after its entry 1: it is completed" : "interrupted before its entry: it is undone"
        #expect(signed.error.contains(words) == !cut.isAfter(.installed), "\(signed)")
        let key = isInForce ? new.verifier : old.verifier
        #expect(try keys.signer().verifier == key)
        #expect(try !keys.isRotating(), "there is one key")
        let believed: Set<NoteVerifier> = isInForce ? [old.verifier, new.verifier] : [old.verifier]
        #expect(try keys.verifiers() == believed)
        #expect(try gate.mode("state/keys/ledger.key") == 0o600)
        let newest = try #require(try gate.openReader().newestCheckpoint())
        #expect(newest.note.isSigned(by: key) && newest.checkpoint.size == (isInForce ? 3 : 2))

        // Who has kept no other key than the first one believes all of it.
        try gate.write("first.pub", old.verifier.description + "\n")
        let options: [[String]] = [[], ["--key", gate.path("first.pub")]]
        for more in options {
            let verified = await TestGate.run(["ledger", "verify", "--config", gate.config] + more)
            #expect(verified.status == 0, "\(verified)")
        }
        let again = await gate.run("ledger", "checkpoint")
        #expect(again.status == 0 && !again.error.contains("was interrupted"), "it is ended once: \(again)")
    }

    @Test func afterARotationThatWasCutOffTheNextOneIsDone() async throws {
        try rotate(until: .signed)
        let rotated = await gate.run("ledger", "rotate-key")
        #expect(rotated.status == 0, "\(rotated)")
        #expect(try keys.verifiers().count == 3)
        let third = try keys.signer().verifier
        #expect(third != old.verifier && third != new.verifier)
        let verified = await gate.run("ledger", "verify")
        #expect(verified.status == 0, "\(verified)")
    }

    @Test func aFileThatIsNoKeyNeverTakesTheKeysPlace() async throws {
        try gate.write("state/keys/ledger.key.next", "PRIVATE+KEY+cut")
        #expect(chmod(gate.path("state/keys/ledger.key.next"), 0o600) == 0)
        let signed = await gate.run("ledger", "checkpoint")
        #expect(signed.status == 0 && signed.error.contains("it is undone"), "\(signed)")
        #expect(try keys.signer().verifier == old.verifier && !keys.isRotating())
    }

    @Test func doctorTellsOfARotationThatWasCutOffUntilItIsEnded() async throws {
        let words = "a rotation of the key that signs it was interrupted"
        let before = await gate.run("doctor")
        #expect(!before.out.contains(words), "\(before)")
        try rotate(until: .announced)
        let doctor = await gate.run("doctor")
        #expect(doctor.out.contains(words) && doctor.out.contains("ledger.key.next"), "\(doctor)")
        #expect(!doctor.out.contains("is not the key that signs the ledger any more"), "\(doctor)")
        #expect(await gate.run("ledger", "checkpoint").status == 0)
        let after = await gate.run("doctor")
        #expect(!after.out.contains(words), "\(after)")
    }

    /// As after a restore of the keys alone, from a backup of before the rotation.
    @Test func aKeyThatAnotherOneHasReplacedSignsNothing() async throws {
        let kept = try gate.read("state/keys/ledger.key")
        #expect(await gate.run("ledger", "rotate-key").status == 0)
        let size = try gate.openReader().size()
        try gate.write("state/keys/ledger.key", kept)
        let words = "ledger.key is not the key that signs the ledger any more: entry 1 puts"
        for command in ["checkpoint", "rotate-key"] {
            let answer = await gate.run("ledger", command)
            #expect(answer.status == 78 && answer.error.contains(words), "\(command): \(answer)")
        }
        #expect(await gate.run("doctor").out.contains(words))
        #expect(await gate.run("serve", "--check").error.contains(words))
        #expect(try gate.openReader().newestCheckpoint()?.checkpoint.size == size, "nothing more was signed")
        let verified = await gate.run("ledger", "verify")
        #expect(verified.status == 0, "\(verified)")
    }

    @Test func aBackupHoldsTheKeyToCome() async throws {
        try rotate(until: .announced)
        let problem = try keys.copy(into: gate.path("copy"))
        #expect(problem == nil)
        #expect(
            gate.directory.files(under: "copy") == ["ledger.key", "ledger.key.next", "ledger.key.pub"])
        #expect(try gate.mode("copy/ledger.key.next") == 0o600)
    }
}
