// What the ledger is told of uploads that were released, renamed meanwhile, or lost.
import Admission
import Foundation
import JSON
import Ledger
import LedgerSupport
import Staging
import Support
import Synchronization
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct MarkingTests: SenderTests {
    let clock = TestClock()

    /// A gate whose stager is at its first page of pending drops, and stays there until `goes` is signalled.
    private func held(_ directory: TemporaryDirectory, _ disk: FailingDisk) async throws -> (
        gate: Gate, goes: DispatchSemaphore
    ) {
        let (reads, goes) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        disk.beforePage = {
            reads.signal()
            goes.wait()
        }
        let gate = try gate(directory, settle: .zero, disk: disk)
        await Task.detached { reads.wait() }.value
        disk.beforePage = nil
        return (gate, goes)
    }

    /// The stager reads a page of events from the ledger while the upload is released: it is not in the batch with them.
    @Test func whoWaitsForAMarkIsNotWokenByABatchThatBeganBefore() async throws {
        let directory = try TemporaryDirectory("marks")
        try Gate.commitWebhook(directory, id: DropID.make(milliseconds: 7))
        let (gate, goes) = try await held(directory, FailingDisk())
        let upload = try gate.upload("a.xml", "data")
        _ = try await gate.intake.commit(upload, attempt: Gate.transfer)
        await withCheckedContinuation { marked in
            gate.intake.stager.resumeWhenMarked(marked)
            goes.signal()
        }
        #expect(try record(upload.dropID, gate)?.state == .released)
        await gate.intake.close()
    }

    @Test func anUploadThatIsMarkedIsNotMarkedAgainAfterItsSenderHasRenamedIt() async throws {
        let disk = FailingDisk()
        let (gate, goes) = try await held(TemporaryDirectory("marks"), disk)
        let session = try gate.intake.beginSession(of: "acme")
        // All of them become one batch, of which one part is marked.
        var drops: [String] = []
        for number in 0..<300 { drops.append(try await send("u\(number)", "\(number)", session, gate)) }
        let last = try #require(drops.last)
        await withCheckedContinuation { marked in
            disk.afterMark = { marked.resume() }
            disk.marksLeft = 1
            goes.signal()
        }
        disk.afterMark = nil
        #expect(try record(last, gate)?.state == .released)
        try await rename("u299", "renamed", session, gate)
        disk.marksLeft = .max
        await gate.intake.waitUntilStaged()
        let known = try #require(try record(last, gate))
        #expect(known.state == .released && known.readyPath == "sftp/acme/renamed")
        #expect(gate.contents(known.readyPath) == "299")
        await gate.intake.close()
    }

    /// However many come at once.
    @Test func eachDropThatIsLostHasAnEntryOfItsOwn() async throws {
        let gate = try gate()
        let uploads = try (0..<12).map { try gate.upload("\($0).xml", "data \($0)") }
        for upload in uploads { _ = try await gate.intake.commit(upload, attempt: Gate.transfer) }
        for upload in uploads {
            try FileManager.default.removeItem(
                atPath: gate.directory.file("staging/incoming/sftp/acme/parts/\(upload.dropID).part"))
        }
        clock.pass(.seconds(6))
        await release(uploads.map(\.dropID), gate)
        let lost = try gate.entries().filter { $0["detail"]?["lost"] == true }
            .compactMap { $0["drop"]?["id"]?.string }
        #expect(Set(lost) == Set(uploads.map(\.dropID)) && lost.count == 12)
        for upload in uploads { #expect(try record(upload.dropID, gate)?.state == .lost) }
        await gate.intake.close()
    }

    /// Else a sender that looks at what it sent sees what it sent before.
    @Test func theNewestUploadOfANameShowsAlsoWhenTheClockWasAheadOfTheOneBefore() async throws {
        let directory = try TemporaryDirectory("ahead")
        clock.pass(.seconds(86_400))
        do {
            let gate = try gate(directory, settle: .zero)
            let session = try gate.intake.beginSession(of: "acme")
            _ = try await send("a", "12345", session, gate)
            await gate.intake.waitUntilStaged()
            await gate.intake.close()
            gate.intake.closeLedger()
        }
        clock.pass(.seconds(-86_400))
        let gate = try gate(directory, settle: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        _ = try await send("a", "1234567", session, gate)
        #expect(try size("a", session, gate) == 7)
        await gate.intake.close()
    }

    @Test func anIdTellsItsTime() {
        for milliseconds in [0, 1, 1_795_424_580_000, 0xFFFF_FFFF_FFFF] as [Int64] {
            #expect(DropID.milliseconds(DropID.make(milliseconds: milliseconds)) == milliseconds)
        }
        #expect(DropID.milliseconds("01jdk2") == nil)
    }
}
