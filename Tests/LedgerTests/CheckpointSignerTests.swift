// Who signs the head of the ledger beside a change of its key.
import Admission
import Foundation
import Ledger
import Support
import Testing

@Suite struct CheckpointSignerTests {
    private let directory: TemporaryDirectory
    private let ledger: LedgerHandle
    private let writer: LedgerWriter
    private let signer: CheckpointSigner
    private let old: NoteSigner
    private let new: NoteSigner

    init() async throws {
        directory = try TemporaryDirectory("signer")
        ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
        writer = LedgerWriter(store: try ledger.open(node: "t"), clock: { Instant.now() })
        old = try NoteSigner(name: "t/dropgate")
        new = try NoteSigner(name: "t/dropgate")
        signer = CheckpointSigner(writer, key: old, archive: ledger.checkpoints)
        _ = try await writer.append(Self.call)
    }

    private static var call: Attempt {
        Attempt(kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
    }

    private func newest() throws -> SignedNote? { try ledger.reader().newestCheckpoint()?.note }

    @Test func nothingThatCoversARotationIsSignedByTheKeyThatItReplaced() async throws {
        let (writer, signer, new) = (writer, signer, new)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<40 {
                group.addTask {
                    if index == 20 {
                        _ = try await signer.rotate(to: new, detail: [:]) {}
                    } else {
                        _ = try await writer.append(Self.call)
                        try await signer.sign()
                    }
                }
            }
            try await group.waitForAll()
        }
        let result = try ledger.verifier(trusted: [old.verifier]).verify()
        #expect(result.isGood && result.size == 41, "\(result.faults)")
        #expect(try newest()?.isSigned(by: new.verifier) == true)
    }

    @Test func theKeyIsInstalledBetweenItsEntryAndItsFirstSignature() async throws {
        try await signer.sign()
        let ledger = ledger
        _ = try await signer.rotate(to: new, detail: [:]) {
            let reader = try ledger.reader()
            let rotations = try reader.keyRotations(sealed: false)
            guard rotations.map(\.seq) == [1], try reader.newestCheckpoint()?.checkpoint.size == 1 else {
                throw TooEarlyOrLate()
            }
        }
        #expect(try newest()?.isSigned(by: new.verifier) == true)
    }

    private struct TooEarlyOrLate: Error {}
    private struct NoRoom: Error {}

    @Test func aKeyThatCannotBeInstalledIsInForceByItsEntry() async throws {
        await #expect(throws: NoRoom.self) {
            _ = try await signer.rotate(to: new, detail: [:]) { throw NoRoom() }
        }
        #expect(try newest()?.isSigned(by: new.verifier) == true)
        _ = try await writer.append(Self.call)
        try await signer.sign()
        let result = try ledger.verifier(trusted: [old.verifier]).verify()
        #expect(result.isGood && result.signed?.size == 3, "\(result.faults)")
    }

    @Test func whatIsSignedIsHandedOverBeforeItsCopyIsKept() async throws {
        try "in its place".write(toFile: ledger.checkpoints.name, atomically: false, encoding: .utf8)
        var sizes: [Int64] = []
        await #expect(throws: LedgerError.self) {
            try await signer.sign { sizes.append($0.checkpoint.size) }
        }
        await #expect(throws: NoRoom.self, "a key that is not in its place is the greater trouble") {
            _ = try await signer.rotate(to: new, detail: [:], install: { throw NoRoom() }) {
                sizes.append($0.checkpoint.size)
            }
        }
        #expect(sizes == [1, 2])
        #expect(try newest()?.isSigned(by: new.verifier) == true)
    }

    @Test func ofSeveralRotationsTheLastOneAboutAKeySaysWhetherItIsInForce() async throws {
        let third = try NoteSigner(name: "t/dropgate")
        for key in [new, third] { _ = try await signer.rotate(to: key, detail: [:]) {} }
        let rotations = try ledger.reader().keyRotations(sealed: true)
        #expect(rotations.map(\.seq) == [1, 2])
        #expect(rotations.entry(inForce: third.verifier) == 2)
        #expect(rotations.replacement(of: third.verifier) == nil)
        #expect(rotations.entry(inForce: new.verifier) == nil)
        #expect(rotations.replacement(of: new.verifier)?.seq == 2)
        #expect(rotations.replacement(of: old.verifier)?.seq == 1)
        let stranger = try NoteSigner(name: "t/dropgate").verifier
        #expect(rotations.entry(inForce: stranger) == nil && rotations.replacement(of: stranger) == nil)
    }
}
