// A held event that cannot be read or removed is told as what it is: it is still held.
import Admission
import Foundation
import JSON
import Ledger
import Staging
import Support
import Synchronization
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct HeldEventTests {
    /// An event that is held in quarantine, and its directory there. Its source is listed by now.
    private func hold(_ gate: Gate) async throws -> (drop: String, folder: String) {
        var refused = Attempt(kind: .request, channel: .webhook, verdict: .rejected, reason: .notListed)
        refused.source = Endpoint(ip: try IPAddress("20.21.208.105"), port: 5)
        await gate.intake.hold(Gate.event("a", body: "{}"), attempt: refused)
        let drop = try #require(gate.intake.staging.quarantinedEvents().first).drop
        return (drop, gate.directory.file("staging/quarantine/webhook/\(drop)"))
    }

    private func withdraw(_ drop: String, _ gate: Gate) async throws -> WithdrawnDrop? {
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .withdrawn)
        return try await gate.intake.withdraw(drop, as: attempt)
    }

    private func reasons(_ gate: Gate) throws -> [String] {
        try gate.entries().compactMap { $0["reason"]?.string }
    }

    @Test func whatCouldNotBeRemovedIsToldAndRemovedLater() async throws {
        let directory = try TemporaryDirectory("gate")
        let gate = try Gate(directory)
        let (drop, folder) = try await hold(gate)
        // A directory is no file: it stays.
        try FileManager.default.createDirectory(
            atPath: folder + "/obstacle", withIntermediateDirectories: false)
        let error = await #expect(throws: IntakeError.self) { _ = try await withdraw(drop, gate) }
        #expect(error?.isHalfDone == true && error?.retryAfter == nil)
        #expect(
            error?.description.contains("could not be removed from quarantine/webhook/\(drop).gone") == true)
        // It is not held any more, and its room is there again.
        #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
        #expect(gate.intake.held.withLock(\.events) == 0)
        #expect(try await withdraw(drop, gate) == nil)
        try FileManager.default.removeItem(atPath: folder + ".gone/obstacle")
        try await gate.intake.sweepStaging()
        #expect(directory.files(under: "staging/quarantine").isEmpty)
        #expect(try reasons(gate) == ["not_listed", "withdrawn"])
        await gate.intake.close()
    }

    /// A release that a crash has cut off before the event left quarantine.
    private func releaseAndPutBack(_ directory: TemporaryDirectory) async throws -> (
        gate: Gate, drop: String, folder: String
    ) {
        let gate = try Gate(directory)
        let (drop, folder) = try await hold(gate)
        let copy = directory.file("copy")
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        #expect(try await gate.intake.releaseHeld(drop).status == .stored)
        try FileManager.default.moveItem(atPath: copy, toPath: folder)
        return (gate, drop, folder)
    }

    @Test(arguments: [false, true])
    func whatWasReleasedIsNotWithdrawn(isDamaged: Bool) async throws {
        let (gate, drop, folder) = try await releaseAndPutBack(TemporaryDirectory("gate"))
        if isDamaged {
            try Data("{".utf8).write(
                to: URL(fileURLWithPath: folder + "/" + StagingLayout.quarantineReceipt))
        }
        let error = await #expect(throws: IntakeError.self) { _ = try await withdraw(drop, gate) }
        #expect(error?.description.contains("is an event") == true)
        #expect(!FileManager.default.fileExists(atPath: folder))
        #expect(try reasons(gate) == ["not_listed", "listed"])
        await gate.intake.close()
    }

    @Test func whatWasReleasedLeavesQuarantineAtTheNextStart() async throws {
        let directory = try TemporaryDirectory("gate")
        func end(_ gate: Gate) async { await gate.intake.close() }
        // The ledger's lock goes with the last hold on the gate.
        await end(try await releaseAndPutBack(directory).gate)
        let next = try Gate(directory)
        #expect(next.intake.held.withLock(\.events) == 0)
        #expect(directory.files(under: "staging/quarantine").isEmpty)
        await next.intake.close()
    }

    /// What a person can decide on a held event.
    private func decisions(on drop: String, _ gate: Gate) -> [() async throws -> Void] {
        [{ _ = try await withdraw(drop, gate) }, { _ = try await gate.intake.releaseHeld(drop) }]
    }

    /// Damage stays. What staging does not give, as where a directory lies in place of the receipt, it may give again.
    @Test(arguments: [true, false])
    func oneWhoseReceiptCannotBeReadIsNotTakenForNone(isDamaged: Bool) async throws {
        let gate = try Gate()
        let (drop, folder) = try await hold(gate)
        let receipt = URL(fileURLWithPath: folder + "/" + StagingLayout.quarantineReceipt)
        let whole = try Data(contentsOf: receipt)
        if isDamaged {
            try Data("{".utf8).write(to: receipt)
        } else {
            try FileManager.default.removeItem(at: receipt)
            try FileManager.default.createDirectory(at: receipt, withIntermediateDirectories: false)
        }
        let code: Reason = isDamaged ? .malformed : .ledgerFailed
        let retryAfter: Int? = isDamaged ? nil : 30
        for decide in decisions(on: drop, gate) {
            let error = await #expect(throws: IntakeError.self) { try await decide() }
            #expect(error?.code == code && error?.retryAfter == retryAfter)
            #expect(error?.description.contains("cannot be read") == true)
        }
        try FileManager.default.removeItem(at: receipt)
        try whole.write(to: receipt)
        #expect(try await withdraw(drop, gate) == .removed)
        await gate.intake.close()
    }

    @Test func oneOnWhichSomebodyElseIsDecidingIsWorthAnotherTry() async throws {
        let gate = try Gate()
        let (drop, _) = try await hold(gate)
        try gate.intake.beginDeciding(drop)
        for decide in decisions(on: drop, gate) {
            let error = await #expect(throws: IntakeError.self) { try await decide() }
            #expect(error?.code == .forbiddenOperation && error?.retryAfter == 5)
        }
        gate.intake.endDeciding(drop)
        #expect(try await withdraw(drop, gate) == .removed)
        await gate.intake.close()
    }
}
