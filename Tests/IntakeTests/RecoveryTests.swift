// A crash at any point between the commit and the release: the next start completes it, exactly once.
import Admission
import Foundation
import JSON
import Ledger
import LedgerSupport
import Logging
import Staging
import Support
import Synchronization
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct RecoveryTests {
    private func path(_ gate: TemporaryDirectory, _ name: String) -> String { gate.file("staging/" + name) }

    /// A ledger with one committed, unreleased upload and one webhook, as a crash right after the commit leaves it.
    private func crashed(sha256: String = "00") async throws -> (TemporaryDirectory, drop: String) {
        let directory = try TemporaryDirectory("crash")
        let staging = try StagingArea(path: directory.file("staging"))
        let store = try LedgerHandle(file: directory.file("ledger.sqlite")).open(node: "t")
        let id = DropID.make(milliseconds: 5)
        let parts = try staging.uploads(of: "acme").subdirectory("parts", create: true)
        try parts.createFile(id + ".part").write(Array("data".utf8))
        var attempt = Gate.transfer
        attempt.drop = DropFacts(id: id, name: "", bytes: 4, sha256: sha256)
        attempt.detail["name_as_sent"] = "a.xml"
        let drop = DropRegistration(
            id: id, content: .incoming("incoming/sftp/acme/parts/\(id).part"), repeatKey: [1], eventKey: nil,
            keepsRepeats: true, readyPath: { _ in "sftp/acme/a.xml" })
        _ = try store.commit([.append(attempt, drop: drop)], now: Instant(microseconds: 1))
        return (directory, id)
    }

    @Test func anUploadCommittedButNotMovedIsMovedAtStart() async throws {
        let (directory, id) = try await crashed()
        let gate = try Gate(directory)
        #expect(gate.contents("sftp/acme/a.xml") == "data")
        #expect(try gate.intake.staging.ready.receipt(id)?.name == "a.xml")
        #expect(try gate.intake.health.problems.isEmpty && gate.entries().count == 1)
    }

    /// The receipt comes before the file, so its file having gone from `incoming/` was its release.
    @Test func anUploadMovedAndConsumedBeforeItsMarkDoesNotComeBack() async throws {
        let (directory, id) = try await crashed()
        try FileManager.default.removeItem(atPath: path(directory, "incoming/sftp/acme/parts/\(id).part"))
        let receipt = Receipt(
            drop: id, channel: "sftp", name: "a.xml", file: "ready/sftp/acme/a.xml", bytes: 4, received: "")
        try receipt.encoded().withUnsafeBytes { try Data($0).write(to: receiptFile(directory, id)) }
        let gate = try Gate(directory)
        #expect(gate.ready().isEmpty)
        #expect(try gate.intake.staging.ready.receipt(id)?.drop == id)
        #expect(
            try LedgerHandle(file: directory.file("ledger.sqlite")).reader().drop(id: id)?.state == .released)
    }

    private func receiptFile(_ directory: TemporaryDirectory, _ id: String) throws -> URL {
        try FileManager.default.createDirectory(
            atPath: path(directory, "receipts"), withIntermediateDirectories: true)
        return URL(filePath: path(directory, "receipts/\(id).json"))
    }

    @Test func anUploadThatLiesInItsPlaceWithoutAReceiptGetsOne() async throws {
        let digest = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"  // of "data"
        let (directory, id) = try await crashed(sha256: digest)
        let part = path(directory, "incoming/sftp/acme/parts/\(id).part")
        try FileManager.default.createDirectory(
            atPath: path(directory, "ready/sftp/acme"), withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: part, toPath: path(directory, "ready/sftp/acme/a.xml"))
        let gate = try Gate(directory)
        #expect(try gate.intake.staging.ready.receipt(id)?.file == "ready/sftp/acme/a.xml")
        #expect(gate.ready() == ["sftp/acme/a.xml"])
    }

    /// A mount that failed: nothing that was accepted counts as lost for it.
    @Test func aGateDoesNotStartOnAnotherStagingDirectory() async throws {
        let directory = try TemporaryDirectory("unmounted")
        let drop: String
        do {
            let gate = try Gate(directory) { $0.settle = .seconds(60) }
            let upload = try gate.upload("a.xml", "data")
            drop = upload.dropID
            _ = try await gate.intake.commit(upload, attempt: Gate.transfer)
            await gate.intake.close()
        }
        try FileManager.default.moveItem(atPath: directory.file("staging"), toPath: directory.file("aside"))
        try FileManager.default.createDirectory(
            atPath: directory.file("staging"), withIntermediateDirectories: false)
        for _ in 0..<2 {
            let error = #expect(throws: StagingError.self) { _ = try Gate(directory) }
            #expect(error?.description.contains("is its filesystem mounted?") == true)
        }
        try FileManager.default.removeItem(atPath: directory.file("staging"))
        try FileManager.default.moveItem(atPath: directory.file("aside"), toPath: directory.file("staging"))
        let again = try Gate(directory)
        #expect(try again.intake.drop(id: drop)?.state == .pending)
        #expect(again.directory.files(under: "staging/incoming/sftp/acme/parts").count == 1)
        await again.intake.close()
    }

    @Test func aStagingDirectoryThatIsLostForGoodIsTakenOnceSomebodySaysSo() async throws {
        let directory = try TemporaryDirectory("lost")
        func run() async throws { await (try Gate(directory)).intake.close() }
        try await run()
        try FileManager.default.removeItem(atPath: directory.file("staging"))
        #expect(throws: StagingError.self) { _ = try Gate(directory) }
        try Data().write(to: URL(filePath: directory.file("staging-id")))
        try await run()
        try await run()
    }

    /// A gate that knew of no marks wrote the ledger, and the disk is not mounted.
    @Test func anEmptyDirectoryIsNotTakenForTheOneOfALedgerWithDrops() async throws {
        let directory = try TemporaryDirectory("unmarked")
        do {
            let gate = try Gate(directory)
            _ = try await gate.intake.receive(Gate.event("e", body: "{}"), attempt: Gate.accepted)
            await gate.intake.close()
        }
        for path in ["staging-id", "staging/id"] {
            try FileManager.default.removeItem(atPath: directory.file(path))
        }
        try FileManager.default.moveItem(atPath: directory.file("staging"), toPath: directory.file("aside"))
        for _ in 0..<2 { #expect(throws: StagingError.self) { _ = try Gate(directory) } }
        try FileManager.default.moveItem(atPath: directory.file("aside"), toPath: directory.file("staging"))
        await (try Gate(directory)).intake.close()
        #expect(directory.files(under: "staging").contains("id"))
    }

    /// "Not found" is not "was released": what was promised and is nowhere is said to be lost.
    @Test func anUploadWhoseBytesAreNowhereIsLostAndSaidToBe() async throws {
        let (directory, id) = try await crashed()
        try FileManager.default.removeItem(atPath: path(directory, "incoming/sftp/acme/parts/\(id).part"))
        let gate = try Gate(directory)
        #expect(try LedgerHandle(file: directory.file("ledger.sqlite")).reader().drop(id: id)?.state == .lost)
        #expect(gate.intake.health.problems["lost"]?.contains(id) == true)
        let entry = try #require(try gate.entries().first { $0["verdict"] == "rejected" })
        #expect(entry["drop"]?["id"]?.string == id && entry["detail"]?["lost"] == true)
    }

    @Test func aNameTakenInTheMeantimeGivesAnotherVersion() async throws {
        let (directory, id) = try await crashed()
        try FileManager.default.createDirectory(
            atPath: path(directory, "ready/sftp/acme"), withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: path(directory, "ready/sftp/acme/a.xml")))
        let gate = try Gate(directory)
        #expect(gate.contents("sftp/acme/a.xml") == "mine" && gate.contents("sftp/acme/a~2.xml") == "data")
        #expect(
            try LedgerHandle(file: directory.file("ledger.sqlite")).reader().drop(id: id)?.readyPath
                == "sftp/acme/a~2.xml")
    }

    @Test func aWebhookCommittedButNotWrittenIsWrittenAtStart() async throws {
        let directory = try TemporaryDirectory("crash")
        let ids = (0..<700).map { _ in DropID.make(milliseconds: 5) }
        for id in ids { try Gate.commitWebhook(directory, id: id) }
        let gate = try Gate(directory)
        await gate.intake.waitUntilStaged()
        #expect(gate.ready().count == 700)
        let receipts = try directory.files(under: "staging/receipts").flatMap {
            try String(contentsOfFile: path(directory, "receipts/" + $0), encoding: .utf8).split(
                separator: "\n")
        }
        #expect(try Set(receipts.map { try Receipt(parsing: Array($0.utf8)).drop }) == Set(ids))
        #expect(directory.files(under: "staging/incoming").isEmpty)
    }

    @Test func aHalfWrittenBatchIsThrownAwayAndMadeAnew() async throws {
        let directory = try TemporaryDirectory("crash")
        let id = DropID.make(milliseconds: 5)
        try Gate.commitWebhook(directory, id: id)
        let batch = path(directory, "incoming/webhook/\(id)")
        try FileManager.default.createDirectory(atPath: batch, withIntermediateDirectories: true)
        try Data("{".utf8).write(to: URL(filePath: batch + "/data:webhook:2026-11-23:half.json"))
        let gate = try Gate(directory)
        await gate.intake.waitUntilStaged()
        #expect(gate.ready().count == 1 && gate.contents(gate.ready()[0]) == "{}")
    }

    /// What a gate would release of the events that wait.
    private func releases(of ledger: LedgerHandle) throws -> [WebhookRelease] {
        try ledger.reader().drops(states: [.pending], limit: 100).sorted { $0.seq < $1.seq }.map {
            WebhookRelease(
                readyPath: $0.readyPath, body: Array("{}".utf8),
                receipt: Receipt(drop: $0.id, channel: "webhook", name: "n", file: "", bytes: 2, received: "")
            )
        }
    }

    /// Where a crash stopped the release of many events, and whether their receipts were in their place by then; the gate reads them
    /// from the store in one page or in several.
    @Test(
        arguments: [(false, "data"), (false, "data and receipts"), (true, "data"), (true, "nothing")],
        [.max, 7])
    func manyEventsAreReleasedOnceWhereverTheirReleaseStopped(
        stopped: (published: Bool, left: String), mostPending: Int
    ) async throws {
        let (published, left) = stopped
        let directory = try TemporaryDirectory("crash")
        let ids = (5..<45).map { DropID.make(milliseconds: $0) }
        for id in ids { try Gate.commitWebhook(directory, id: id) }
        let handle = LedgerHandle(file: directory.file("ledger.sqlite"))
        let staging = try StagingArea(path: directory.file("staging"))
        let releases = try releases(of: handle)
        let batch = try #require(
            BatchName(first: releases[0].receipt.drop, readyPath: releases[0].readyPath))
        let released = try staging.ready.release(releases, now: "now")
        // Back to where it stopped.
        let place = (batch.receiptsPath as NSString).deletingPathExtension
        let parts = place.split(separator: "/")
        let scratch = path(directory, "incoming/webhook/\(parts[1]):\(parts[2])")
        let receipts = path(directory, "receipts/" + batch.receiptsPath)
        if left != "nothing" {
            try FileManager.default.moveItem(atPath: path(directory, "ready/" + place), toPath: scratch)
        } else {
            // The consumer was quicker than the mark in the ledger.
            try FileManager.default.removeItem(atPath: path(directory, "ready/" + place))
        }
        if !published {
            if left == "data" {
                try FileManager.default.removeItem(atPath: receipts)
            } else {
                try FileManager.default.moveItem(atPath: receipts, toPath: scratch + ".receipts")
            }
        }
        let gate = try Gate(directory, mostPending: mostPending)
        await gate.intake.waitUntilStaged()
        #expect(gate.ready().count == (left == "nothing" ? 0 : 40))
        #expect(directory.files(under: "staging/incoming").isEmpty)
        let now = try handle.reader().drops(states: [.released], limit: 100)
        #expect(now.count == 40)
        // What was not published is released anew, a page at a time.
        if published || mostPending == .max {
            #expect(Set(now.map(\.readyPath)) == Set(released.map(\.readyPath)))
        }
        for drop in now {
            let written = try #require(try gate.intake.staging.ready.receipt(drop.id, at: drop.readyPath))
            #expect((written.released == "now") == published)
        }
    }

    /// A batch is marked in parts. Its consumer has taken all of it when the second of them fails.
    @Test(arguments: [Intake.Layout.file, .ndjson])
    func aBatchOfWhichOnlyAPartIsMarkedIsNotReleasedAgain(layout: Intake.Layout) async throws {
        let directory = try TemporaryDirectory("parts")
        let ids = (5..<305).map { DropID.make(milliseconds: $0) }
        try Gate.commitWebhooks(directory, ids: ids)
        let disk = FailingDisk()
        disk.marksLeft = 1
        let (logger, lines) = LogLines.make()
        let gate = try Gate(directory, disk: disk, logger: logger) { $0.layout = layout }
        var failures = lines.filter { $0.contains("staging failed") }.makeAsyncIterator()
        _ = await failures.next()
        let handle = LedgerHandle(file: directory.file("ledger.sqlite"))
        let marked = try handle.reader().drops(states: [.released], limit: 1000)
        #expect(Set(marked.map(\.id)) == Set(ids.suffix(Stager.smallestPart)))
        for path in gate.ready() {
            try FileManager.default.removeItem(atPath: directory.file("staging/ready/" + path))
        }
        disk.marksLeft = .max
        await gate.intake.waitUntilStaged()
        #expect(gate.ready().isEmpty)
        #expect(try handle.reader().drops(states: [.released], limit: 1000).count == 300)
        await gate.intake.close()
    }

    @Test func aStartThatMakesReadyAnewSaysWhatThatMeans() async throws {
        let directory = try TemporaryDirectory("ready")
        for isFirst in [true, false] {
            let (logger, lines) = LogLines.make()
            do {
                let gate = try Gate(directory, logger: logger)
                await gate.intake.close()
            }
            logger.info("end")
            var said: [String] = []
            for await line in lines {
                if line == "end" { break }
                said.append(line)
            }
            #expect(
                said.contains { $0.contains("ready was missing and is made anew") } == !isFirst, "\(said)")
            try FileManager.default.removeItem(atPath: path(directory, "ready"))
        }
    }

    /// Something lies in the place of the day's directory, so that what has its receipts does not get to `ready/`.
    @Test(arguments: [1, 40], [Intake.Layout.file, .ndjson])
    func whatFailsBehindItsReceiptsIsReleasedOnceTheObstacleIsGone(events: Int, layout: Intake.Layout)
        async throws
    {
        let directory = try TemporaryDirectory("obstacle")
        let ids = (0..<events).map { DropID.make(milliseconds: Int64($0) + 5) }
        for id in ids { try Gate.commitWebhook(directory, id: id) }
        let days = path(directory, "ready/webhook")
        try FileManager.default.createDirectory(atPath: days, withIntermediateDirectories: true)
        let obstacle = days + "/2026-11-23"
        try Data().write(to: URL(filePath: obstacle))
        let (logger, lines) = LogLines.make()
        let gate = try Gate(directory, logger: logger) { $0.layout = layout }
        var failures = lines.filter { $0.contains("staging failed") }.makeAsyncIterator()
        // From now on the receipts tell of what is not there.
        _ = await failures.next()
        #expect(gate.intake.health.problems["staging"] != nil)
        let handle = LedgerHandle(file: directory.file("ledger.sqlite"))
        #expect(try handle.reader().drops(states: [.pending], limit: 100).count == events)
        try FileManager.default.removeItem(atPath: obstacle)
        await gate.intake.waitUntilStaged()
        let now = try handle.reader().drops(states: [.released], limit: 100)
        #expect(Set(now.map(\.id)) == Set(ids))
        for drop in now {
            #expect(gate.contents(drop.readyPath) != nil, "\(drop.readyPath)")
            #expect(try gate.intake.staging.ready.receipt(drop.id, at: drop.readyPath)?.drop == drop.id)
        }
        #expect(directory.files(under: "staging/incoming").isEmpty)
    }

    @Test func aGateEndsThoughWhatItAcceptedCannotBeReleased() async throws {
        let directory = try TemporaryDirectory("obstacle")
        try Gate.commitWebhook(directory, id: DropID.make(milliseconds: 5))
        try FileManager.default.createDirectory(
            atPath: path(directory, "ready"), withIntermediateDirectories: true)
        let obstacle = path(directory, "ready/webhook")
        try Data().write(to: URL(filePath: obstacle))
        do {
            let gate = try Gate(directory)
            await gate.intake.close()
        }
        try FileManager.default.removeItem(atPath: obstacle)
        let next = try Gate(directory)
        await next.intake.waitUntilStaged()
        #expect(next.ready().count == 1)
    }

    /// The ledger does not have the marks of a batch, and its receipts are gone, by whatever hand.
    @Test(arguments: [Intake.Layout.file, .ndjson])
    func eventsWhoseReceiptsAreGoneAreReleasedAgainToTheirPlace(layout: Intake.Layout) async throws {
        let directory = try TemporaryDirectory("again")
        let ids = (0..<40).map { DropID.make(milliseconds: Int64($0) + 5) }
        for id in ids[..<20] { try Gate.commitWebhook(directory, id: id) }
        let handle = LedgerHandle(file: directory.file("ledger.sqlite"))
        let releases = try releases(of: handle)
        let ready = try StagingArea(path: directory.file("staging")).ready
        switch layout {
        case .file: _ = try ready.release(releases, now: "now")
        case .ndjson: _ = try ready.releaseTogether(releases, now: "now")
        }
        try FileManager.default.removeItem(atPath: path(directory, "receipts/webhook"))
        for id in ids[20...] { try Gate.commitWebhook(directory, id: id) }
        let gate = try Gate(directory) { $0.layout = layout }
        await gate.intake.waitUntilStaged()
        #expect(gate.intake.health.problems.isEmpty)
        #expect(gate.ready().count == (layout == .file ? 40 : 1))
        for drop in try handle.reader().drops(states: [.released], limit: 100) {
            #expect(try gate.intake.staging.ready.receipt(drop.id, at: drop.readyPath)?.drop == drop.id)
        }
        #expect(directory.files(under: "staging/incoming").isEmpty)
    }

    @Test func aBatchPastThePointOfNoReturnIsFinishedAndNotStagedAgain() async throws {
        let directory = try TemporaryDirectory("crash")
        let ids = [DropID.make(milliseconds: 5), DropID.make(milliseconds: 6)]
        for id in ids { try Gate.commitWebhook(directory, id: id) }
        let staging = try StagingArea(path: directory.file("staging"))
        let releases = ids.map {
            WebhookRelease(
                readyPath: "webhook/2026-11-23/081530.000000Z-x-\($0).json", body: Array("{}".utf8),
                receipt: Receipt(drop: $0, channel: "webhook", name: "n", file: "", bytes: 2, received: ""))
        }
        _ = try staging.ready.release(releases, now: "now")
        // As if the crash came after receipts and one file were out, and the consumer took that file.
        let whole = path(directory, "incoming/webhook/\(ids[0]).whole")
        try FileManager.default.createDirectory(atPath: whole, withIntermediateDirectories: true)
        let name = "081530.000000Z-x-\(ids[1]).json"
        try FileManager.default.moveItem(
            atPath: path(directory, "ready/webhook/2026-11-23/\(name)"),
            toPath: whole + "/data:webhook:2026-11-23:\(name)")
        try FileManager.default.removeItem(
            atPath: path(directory, "ready/webhook/2026-11-23/081530.000000Z-x-\(ids[0]).json"))
        let gate = try Gate(directory)
        await gate.intake.waitUntilStaged()
        #expect(gate.ready() == ["webhook/2026-11-23/\(name)"])
        #expect(directory.files(under: "staging/incoming").isEmpty)
        #expect(
            try LedgerHandle(file: directory.file("ledger.sqlite")).reader().drops(
                states: [.pending], limit: 9
            )
            .isEmpty)
    }
}
