// Interrupted uploads go to quarantine; what is done goes away; what waits in `ready/` stays.
import Foundation
import Intake
import JSON
import Ledger
import Staging
import Support
import Testing
import Upkeep

@Suite(.timeLimit(.minutes(1))) struct RetentionTests {
    /// Bytes in `parts/` without a sidecar: nobody can tell what they are.
    private func strand(_ gate: Gate) throws -> String {
        try gate.upload("never/committed.xml", "half").dropID
    }

    @Test func anUndecidableUploadGoesToQuarantineWithReceiptAndEntry() async throws {
        let gate = try Gate()
        let id = try strand(gate)
        await Retention(gate.intake).sweep()
        #expect(gate.intake.health.problems.isEmpty)
        let files = gate.directory.files(under: "staging/quarantine")
        #expect(files.sorted() == ["sftp/acme/\(id)/receipt.json", "sftp/acme/\(id)/unnamed"])
        #expect(gate.directory.files(under: "staging/incoming").isEmpty && gate.ready().isEmpty)
        let entry = try #require(try gate.entries().first)
        #expect(entry["verdict"]?.string == "rejected" && entry["reason"]?.string == "incomplete")
        #expect(entry["account"]?.string == "acme" && entry["drop"]?["id"]?.string == id)
    }

    @Test func quarantineIsRemovedWhenItsTimeIsOver() async throws {
        let directory = try TemporaryDirectory("retention")
        let gate = try Gate(directory) { $0.retention.quarantined = .seconds(-10) }
        _ = try strand(gate)
        await Retention(gate.intake).sweep()
        #expect(directory.files(under: "staging/quarantine").isEmpty)
    }

    @Test func anAcknowledgedDropGoesWithItsReceiptAndOthersStay() async throws {
        let gate = try Gate { $0.retention.acknowledged = .seconds(-10) }
        let done = try await gate.intake.receive(Gate.event("a", body: "1"), attempt: Gate.accepted)
        let waiting = try await gate.intake.receive(Gate.event("b", body: "2"), attempt: Gate.accepted)
        await gate.intake.waitUntilStaged()
        #expect(try await gate.intake.acknowledge(done.id))
        await Retention(gate.intake).sweep()
        #expect(gate.ready() == [waiting.name])
        #expect(gate.directory.files(under: "staging/receipts") == [waiting.id + ".json"])
    }

    @Test func theReceiptOfAConsumedDropGoesLaterAndThatOfAWaitingOneNever() async throws {
        let gate = try Gate { $0.retention.receipts = .seconds(-10) }
        let consumed = try await gate.intake.receive(Gate.event("a", body: "1"), attempt: Gate.accepted)
        let waiting = try await gate.intake.receive(Gate.event("b", body: "2"), attempt: Gate.accepted)
        await gate.intake.waitUntilStaged()
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/" + consumed.name))
        await Retention(gate.intake).sweep()
        #expect(gate.directory.files(under: "staging/receipts") == [waiting.id + ".json"])
    }

    @Test func acknowledgingATakenFileNeverRemovesALaterOneOfItsName() async throws {
        let gate = try Gate { $0.retention.acknowledged = .seconds(-10) }
        let monday = try await gate.intake.commit(gate.upload("day.csv", "mon"), attempt: Gate.transfer)
        await gate.intake.waitUntilStaged()
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/sftp/acme/day.csv"))
        let tuesday = try await gate.intake.commit(gate.upload("day.csv", "tue"), attempt: Gate.transfer)
        await gate.intake.waitUntilStaged()
        #expect(tuesday.name == monday.name)
        #expect(try await gate.intake.acknowledge(monday.id))
        await Retention(gate.intake).sweep()
        #expect(gate.contents("sftp/acme/day.csv") == "tue")
        #expect(gate.directory.files(under: "staging/receipts") == [tuesday.id + ".json"])
    }
}
