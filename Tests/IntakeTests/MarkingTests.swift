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

    /// Of staging, after a failure that a test mends.
    private static let retry = Duration.milliseconds(5)

    /// A gate whose stager is at a page of pending drops, and stays there until `goes` is signalled.
    /// - Parameters:
    ///   - page: its number, from 1 on.
    ///   - mostPending: the drops of a page.
    private func held(
        _ directory: TemporaryDirectory, _ disk: FailingDisk, page: Int = 1, mostPending: Int = .max
    ) async throws -> (gate: Gate, goes: DispatchSemaphore) {
        let (reads, goes) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let pages = Mutex(0)
        disk.beforePage = {
            let number = pages.withLock { pages -> Int in
                pages += 1
                return pages
            }
            guard number == page else { return }
            reads.signal()
            goes.wait()
        }
        let gate = try Gate(directory, clock: clock, disk: disk, mostPending: mostPending) {
            $0.settle = .zero
            $0.releaseRetry = Self.retry
        }
        await Task.detached { reads.wait() }.value
        disk.beforePage = nil
        return (gate, goes)
    }

    /// A gate whose first batch has failed, behind so many of its marks.
    private func failed(_ directory: TemporaryDirectory, _ disk: FailingDisk, marks: Int) async throws -> Gate
    {
        disk.marksLeft = marks
        let (logger, lines) = LogLines.make()
        let gate = try Gate(directory, disk: disk, logger: logger) { $0.releaseRetry = Self.retry }
        var failures = lines.filter { $0.contains("staging failed") }.makeAsyncIterator()
        _ = await failures.next()
        return gate
    }

    /// The stager reads a page of events from the ledger while the upload is released: it is not in the batch with them.
    @Test func whoWaitsForAMarkIsNotWokenByABatchThatBeganBefore() async throws {
        let directory = try TemporaryDirectory("marks")
        try Gate.commitWebhook(directory, id: DropID.make(milliseconds: 7))
        let (gate, goes) = try await held(directory, FailingDisk())
        let upload = try gate.upload("a.xml", "data")
        _ = try await gate.intake.commit(upload, attempt: Gate.transfer)
        _ = await withCheckedContinuation { (marked: Stager.Waiter) in
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
        // It may come into the commit of a mark that fails, and is then tried again.
        var isRenamed = false
        while !isRenamed {
            do {
                try await rename("u299", "renamed", session, gate)
                isRenamed = true
            } catch let error as SenderError where error.reason == .ledgerFailed {}
        }
        disk.marksLeft = .max
        await gate.intake.waitUntilStaged()
        let known = try #require(try record(last, gate))
        #expect(known.state == .released && known.readyPath == "sftp/acme/renamed")
        #expect(gate.contents(known.readyPath) == "299")
        await gate.intake.close()
    }

    // MARK: Events that are seen before their marks

    /// A crash came between the release of the newest event and its mark. Its consumer acknowledges it before the gate has found that.
    @Test(arguments: [(1, Int.max), (40, 7)])
    func whatACrashLeftInReadyIsAcknowledgedAtOnce(events: Int, mostPending: Int) async throws {
        let directory = try TemporaryDirectory("seen")
        let ids = (0..<events).map { DropID.make(milliseconds: Int64($0) + 5) }
        try Gate.commitWebhooks(directory, ids: ids)
        let last = try #require(ids.last)
        let release = WebhookRelease(
            readyPath: Gate.readyPath(ofWebhook: last), body: Array("{}".utf8),
            receipt: Receipt(drop: last, channel: "webhook", name: "n", file: "", bytes: 2, received: ""))
        _ = try StagingArea(path: directory.file("staging")).ready.release([release], now: "now")
        let gate = try Gate(directory, clock: clock, mostPending: mostPending)
        #expect(try await gate.intake.acknowledge(last))
        #expect(try record(last, gate)?.state == .acknowledged)
        await gate.intake.waitUntilStaged()
        #expect(gate.ready().count == events && gate.intake.stager.waiting == 0)
        await gate.intake.close()
    }

    @Test func whatABatchThatFailedHasShownIsAcknowledgedOnceItIsFound() async throws {
        let directory = try TemporaryDirectory("seen")
        let ids = (5..<305).map { DropID.make(milliseconds: $0) }
        try Gate.commitWebhooks(directory, ids: ids)
        let disk = FailingDisk()
        let gate = try await failed(directory, disk, marks: 1)
        disk.marksLeft = .max
        #expect(try await gate.intake.acknowledge(ids[0]))
        #expect(try record(ids[0], gate)?.state == .acknowledged)
        await gate.intake.close()
    }

    /// It waits for no mark that does not come.
    @Test func whoWaitsForAMarkIsLetGoWhenTheGateEnds() async throws {
        let directory = try TemporaryDirectory("seen")
        let id = DropID.make(milliseconds: 5)
        try Gate.commitWebhook(directory, id: id)
        let gate = try await failed(directory, FailingDisk(), marks: 0)
        let intake = gate.intake
        async let acknowledging = intake.acknowledge(id)
        await intake.close()
        let isAcknowledged = try? await acknowledging
        #expect(isAcknowledged != true)
    }

    /// The marks cannot be made. What needs them is refused, and what is sent meanwhile is accepted.
    @Test func nobodyWaitsForAsLongAsNothingCanBeMarked() async throws {
        let disk = FailingDisk()
        disk.marksLeft = 0
        let gate = try gate(settle: .zero, disk: disk) { $0.releaseRetry = Self.retry }
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("a", "first", session, gate)
        let refusal = await #expect(throws: SenderError.self) { try await remove("a", session, gate) }
        #expect(refusal?.kind == .failed && refusal?.reason == nil)
        await #expect(throws: SenderError.self) { try await rename("a", "c", session, gate) }
        await #expect(throws: IntakeError.self) { try await gate.intake.acknowledge(drop) }
        try await send("b", "second", session, gate)
        #expect(gate.ready().sorted() == ["sftp/acme/a", "sftp/acme/b"])
        #expect(try size("a", session, gate) == 5 && record(drop, gate)?.state == .pending)
        disk.marksLeft = .max
        await gate.intake.waitUntilStaged()
        try await remove("a", session, gate)
        #expect(gate.ready() == ["sftp/acme/b"])
        await gate.intake.close()
    }

    @Test func whatIsWrongWithTheDirectoryOfEventsKeepsNoUploadFromItsMark() async throws {
        let directory = try TemporaryDirectory("marks")
        try Gate.commitWebhook(directory, id: DropID.make(milliseconds: 7))
        let disk = FailingDisk()
        let (gate, goes) = try await held(directory, disk)
        let events = directory.file("staging/ready/webhook")
        try? FileManager.default.removeItem(atPath: events)
        try FileManager.default.createSymbolicLink(atPath: events, withDestinationPath: directory.path)
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("a", "data", session, gate)
        await withCheckedContinuation { marked in
            disk.afterMark = {
                disk.afterMark = nil
                marked.resume()
            }
            goes.signal()
        }
        #expect(try record(drop, gate)?.state == .released)
        #expect(gate.intake.stager.waiting == 1)
        try FileManager.default.removeItem(atPath: events)
        await gate.intake.waitUntilStaged()
        #expect(gate.intake.stager.waiting == 0 && gate.ready().count == 2)
        await gate.intake.close()
    }

    /// Of the newest of 300 events the marks were made when a batch failed, and then the gate ended. 1,000 more came.
    @Test func whatWasMarkedBeforeTheStartIsNotCountedAsStagedAgain() async throws {
        let directory = try TemporaryDirectory("counted")
        try Gate.commitWebhooks(directory, ids: (5..<305).map { DropID.make(milliseconds: $0) })
        do {
            let gate = try await failed(directory, FailingDisk(), marks: 1)
            #expect(gate.intake.stager.waiting == 300 - Stager.smallestPart)
            await gate.intake.close()
        }
        try Gate.commitWebhooks(directory, ids: (1000..<2000).map { DropID.make(milliseconds: $0) })
        let (gate, goes) = try await held(
            directory, FailingDisk(), page: 2, mostPending: 300 - Stager.smallestPart)
        #expect(gate.intake.stager.waiting == 1000)
        goes.signal()
        await gate.intake.waitUntilStaged()
        #expect(gate.intake.stager.waiting == 0)
        await gate.intake.close()
    }

    // MARK: Uploads

    /// Who has settled something may hold the box for a moment longer, which was marked by a time of renaming.
    private func sessionOfANewBox(_ gate: Gate) async throws -> SenderSession {
        while true {
            gate.intake.boxes.forget(unusedFor: .zero)
            let session = try gate.intake.beginSession(of: "acme")
            if session.box.state.withLock({ $0.renamed == nil }) { return session }
            _ = gate.intake.endSession(session)
            await Task.yield()
        }
    }

    /// Its consumers see it, and the ledger does not say so yet.
    @Test(.largeAndSmall, arguments: [nil, "b"] as [String?])
    func whatIsReleasedAndNotMarkedIsTakenBackWhereItLiesAlsoInABoxMadeAnew(_ name: String?) async throws {
        let disk = FailingDisk()
        let gate = try gate(disk: disk) { $0.releaseRetry = Self.retry }
        let drop: String
        do {
            let session = try gate.intake.beginSession(of: "acme")
            drop = try await send("a", "bytes", session, gate)
            clock.pass(.seconds(6))
            disk.marksLeft = 0
            await gate.intake.settle([drop], of: "acme")
            session.box.state.withLock { $0.renamed = clock.now }
            _ = gate.intake.endSession(session)
        }
        #expect(gate.ready() == ["sftp/acme/a"])
        #expect(try record(drop, gate)?.state == .pending)
        let session = try await sessionOfANewBox(gate)
        #expect(try size("a", session, gate) == 5)
        #expect(session.box.state.withLock { $0.tree.item(drop)?.isWaiting } == true)
        disk.marksLeft = .max
        await gate.intake.waitUntilStaged()
        if let name {
            try await rename("a", name, session, gate)
            #expect(gate.ready() == ["sftp/acme/b"] && gate.contents("sftp/acme/b") == "bytes")
            #expect(quarantined(gate).isEmpty)
        } else {
            try await remove("a", session, gate)
            #expect(gate.ready().isEmpty)
            #expect(quarantined(gate).sorted() == ["\(drop)/a", "\(drop)/receipt.json"])
        }
        await gate.intake.waitUntilStaged()
        let state: DropState = name == nil ? .withdrawn : .released
        #expect(try record(drop, gate)?.state == state)
        #expect(try reasons(gate) == ["listed", name == nil ? "withdrawn" : "renamed"])
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
