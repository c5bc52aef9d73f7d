// A held event that cannot be read or removed is told as what it is: it is still held.
import Admission
import Foundation
import Ledger
import Staging
import Support
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct HeldEventTests {
    /// An event that is held in quarantine, and its directory there.
    private func hold(_ gate: Gate) async throws -> (drop: String, folder: String) {
        var refused = Attempt(kind: .request, channel: .webhook, verdict: .rejected, reason: .notListed)
        refused.source = Endpoint(ip: try IPAddress("192.0.2.1"), port: 5)
        await gate.intake.hold(Gate.event("a", body: "{}"), attempt: refused)
        let drop = try #require(gate.intake.staging.quarantinedEvents().first).drop
        return (drop, gate.directory.file("staging/quarantine/webhook/\(drop)"))
    }

    private func withdraw(_ drop: String, _ gate: Gate) async throws -> WithdrawnDrop? {
        let attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .withdrawn)
        return try await gate.intake.withdraw(drop, as: attempt)
    }

    @Test func oneThatCannotBeRemovedIsStillHeldAndCanBeWithdrawnAgain() async throws {
        let gate = try Gate()
        let (drop, folder) = try await hold(gate)
        // A directory is no file: whichever order they are removed in, this one stays.
        let obstacle = folder + "/0"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
        let error = await #expect(throws: IntakeError.self) { _ = try await withdraw(drop, gate) }
        #expect(error?.description.contains("it is still held") == true)
        #expect(try gate.intake.staging.quarantinedReceipt(drop)?.drop == drop)
        try FileManager.default.removeItem(atPath: obstacle)
        #expect(try await withdraw(drop, gate) == .removed)
        #expect(!FileManager.default.fileExists(atPath: folder))
        await gate.intake.close()
    }

    @Test func oneWhoseReceiptCannotBeReadIsNotTakenForNone() async throws {
        let gate = try Gate()
        let (drop, folder) = try await hold(gate)
        let receipt = folder + "/" + StagingLayout.quarantineReceipt
        let whole = try Data(contentsOf: URL(fileURLWithPath: receipt))
        try Data("{".utf8).write(to: URL(fileURLWithPath: receipt))
        for attempt in [
            { _ = try await withdraw(drop, gate) }, { _ = try await gate.intake.releaseHeld(drop) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: IntakeError.self) { try await attempt() }
            #expect(error?.code == .malformed && error?.description.contains("cannot be read") == true)
        }
        try whole.write(to: URL(fileURLWithPath: receipt))
        #expect(try await withdraw(drop, gate) == .removed)
        await gate.intake.close()
    }
}
