// Interrupted uploads go to quarantine; what is done goes away; what waits in `ready/` stays.
import Foundation
import JSON
import Ledger
import LedgerSupport
import Staging
import Support
import Synchronization
import Testing
import Upkeep

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct RetentionTests: SenderTests {
    let clock = TestClock()

    /// Bytes in `parts/` without a sidecar: nobody can tell what they are.
    private func strand(_ gate: Gate) throws -> String {
        let drop = try gate.upload("never/committed.xml", "half").dropID
        // Not while it is just being made.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -60)],
            ofItemAtPath: gate.directory.file("staging/incoming/sftp/acme/parts/\(drop).part"))
        return drop
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

    @Test func anUploadOfASessionOfAnEarlierRunGoesToQuarantineOnceThatHasGone() async throws {
        let directory = try TemporaryDirectory("retention")
        let partial: PartialFile
        do {
            let gate = try gate(directory)
            partial = try hold("a", "half", gate.intake.beginSession(of: "acme"), gate)
            await gate.intake.close()
        }
        let drop = partial.drop
        let gate = try gate(directory) { $0.retention.resumeFor = .seconds(-10) }
        let box = try gate.intake.box(of: "acme")
        await Retention(gate.intake).sweep()
        #expect(quarantined(gate).isEmpty, "its session has it")
        #expect(box.state.withLock { $0.tree.item(drop)?.isWritten } == true)
        partial.release()
        await Retention(gate.intake).sweep()
        #expect(Set(quarantined(gate)) == ["\(drop)/a", "\(drop)/receipt.json"])
        #expect(gate.intake.health.problems.isEmpty)
    }

    /// The clock was ahead when it was written, or is behind by now; in the second case it is set back once more.
    @Test(arguments: [Duration.zero, .seconds(86_400)])
    func anUploadWhoseLastWriteIsStillToComeIsIdleFromWhenThatWasSeen(setBack: Duration) async throws {
        let gate = try gate { $0.retention.resumeFor = .seconds(3600) }
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try begin("a", "half", session, gate)
        _ = gate.intake.endSession(session)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: 10 * 365 * 86_400)],
            ofItemAtPath: gate.directory.file("staging/incoming/sftp/acme/parts/\(drop).part"))
        try await gate.intake.sweepStaging()
        clock.pass(Duration.zero - setBack)
        try await gate.intake.sweepStaging()
        clock.pass(.seconds(3600))
        try await gate.intake.sweepStaging()
        #expect(quarantined(gate).isEmpty)
        clock.pass(.seconds(1))
        try await gate.intake.sweepStaging()
        #expect(Set(quarantined(gate)) == ["\(drop)/a", "\(drop)/receipt.json"])
    }

    /// By a clock that has got there, what is written on the disk counts.
    @Test func anUploadWhoseLastWriteWasStillToComeHasItsWholeTimeByAClockThatIsRight() async throws {
        let gate = try gate { $0.retention.resumeFor = .seconds(3600) }
        let session = try gate.intake.beginSession(of: "acme")
        _ = try begin("a", "half", session, gate)
        _ = gate.intake.endSession(session)
        clock.pass(.seconds(-86_400))
        try await gate.intake.sweepStaging()
        clock.pass(.seconds(86_410))
        try await gate.intake.sweepStaging()
        #expect(quarantined(gate).isEmpty)
        #expect(try size("a", session, gate) == 4)
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

    /// A gate in which so many events were released together; their drops in their order.
    private func batch(of count: Int, disk: FailingDisk = FailingDisk()) async throws -> (Gate, [DropRecord])
    {
        let directory = try TemporaryDirectory("batch")
        for number in 0..<count {
            try Gate.commitWebhook(directory, id: DropID.make(milliseconds: Int64(number)))
        }
        let gate = try Gate(directory, disk: disk) { $0.retention.acknowledged = .seconds(-10) }
        await gate.intake.waitUntilStaged()
        let drops = try gate.intake.ledger.reader().drops(states: [.released], limit: count)
        try #require(drops.count == count && gate.directory.files(under: "staging/receipts").count == 1)
        return (gate, drops.reversed())
    }

    @Test func theReceiptsOfABatchGoWithTheLastOfItsDrops() async throws {
        let (gate, drops) = try await batch(of: 20)
        for drop in drops.dropLast() { #expect(try await gate.intake.acknowledge(drop.id)) }
        await Retention(gate.intake).sweep()
        #expect(gate.ready() == [drops[19].readyPath])
        #expect(try gate.intake.staging.ready.receipt(drops[19].id, at: drops[19].readyPath) != nil)
        #expect(try await gate.intake.acknowledge(drops[19].id))
        for _ in 0..<2 { await Retention(gate.intake).sweep() }
        #expect(gate.directory.files(under: "staging/receipts").isEmpty && gate.ready().isEmpty)
        let folder = drops[19].readyPath.split(separator: "/").dropLast().joined(separator: "/")
        #expect(!FileManager.default.fileExists(atPath: gate.directory.file("staging/ready/" + folder)))
    }

    @Test func theReceiptsOfABatchGoAlsoWhenTheGateEndsBeforeTheLedgerSaysSo() async throws {
        let disk = FailingDisk()
        let (gate, drops) = try await batch(of: 20, disk: disk)
        for drop in drops { #expect(try await gate.intake.acknowledge(drop.id)) }
        disk.fails = true
        await Retention(gate.intake).sweep()
        #expect(gate.directory.files(under: "staging/receipts").isEmpty)
        disk.fails = false
        await Retention(gate.intake).sweep()
        #expect(try gate.intake.ledger.reader().drops(states: [.forgotten], limit: 99).count == 20)
        #expect(gate.ready().isEmpty)
    }

    @Test func damagedReceiptsOfABatchKeepNoRoundFromItsEnd() async throws {
        let (gate, drops) = try await batch(of: 20)
        let receipts = gate.directory.file(
            StagingLayout.receiptFile("", at: drops[0].readyPath).replacing(
                "receipts/", with: "staging/receipts/"))
        let text = try String(contentsOfFile: receipts, encoding: .utf8)
        try text.replacing("{\"bytes\":2", with: "{\"bytes\":", maxReplacements: 1)
            .write(toFile: receipts, atomically: true, encoding: .utf8)
        let ready = gate.intake.staging.ready
        #expect(throws: StagingError.self) { try ready.receipt(drops[0].id, at: drops[0].readyPath) }
        #expect(try ready.receipt(drops[1].id, at: drops[1].readyPath)?.drop == drops[1].id)
        for drop in drops { #expect(try await gate.intake.acknowledge(drop.id)) }
        await Retention(gate.intake).sweep()
        #expect(gate.ready().isEmpty && gate.intake.health.problems.isEmpty)
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
