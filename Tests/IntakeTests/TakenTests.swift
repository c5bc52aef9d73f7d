// What a consumer moved away without a word is taken, with the time at which that was found; nothing else is.
import Foundation
import Ledger
import LedgerSupport
import Staging
import Support
import Testing
import Upkeep

@testable import Intake

@Suite(.timeLimit(.minutes(1)), .largeAndSmall) struct TakenTests: SenderTests {
    let clock = TestClock()

    private func receive(_ gate: Gate, _ id: String) async throws -> DropOutcome {
        try await gate.intake.receive(Gate.event(id, body: "{\"id\":\"\(id)\"}"), attempt: Gate.accepted)
    }

    private func file(_ gate: Gate, _ readyPath: String) -> String {
        gate.directory.file("staging/ready/" + readyPath)
    }

    private func sweep(_ gate: Gate) async {
        await Retention(gate.intake).sweep()
        #expect(gate.intake.health.problems.isEmpty, "\(gate.intake.health.problems)")
    }

    private func state(_ gate: Gate, _ id: String) throws -> DropState? {
        try gate.intake.drop(id: id)?.state
    }

    @Test func whatIsGoneIsTakenAndItsConsumerMayStillSayThatItIsDone() async throws {
        let gate = try Gate(clock: clock)
        let taken = try await receive(gate, "a")
        let waiting = try await receive(gate, "b")
        await gate.intake.waitUntilStaged()
        try FileManager.default.removeItem(atPath: file(gate, taken.name))
        clock.pass(.seconds(60))
        await sweep(gate)
        let record = try #require(try gate.intake.drop(id: taken.id))
        #expect(record.state == .taken && record.taken == clock.now)
        #expect(try state(gate, waiting.id) == .released)
        #expect(gate.directory.files(under: "staging/receipts").contains(taken.id + ".json"))
        clock.pass(.seconds(60))
        await sweep(gate)
        #expect(try gate.intake.drop(id: taken.id)?.taken == record.taken, "found once")
        #expect(try await gate.intake.acknowledge(taken.id))
        #expect(try state(gate, taken.id) == .acknowledged)
    }

    @Test func whatIsPutBackIsReleasedAgain() async throws {
        let gate = try Gate(clock: clock)
        let drop = try await receive(gate, "a")
        await gate.intake.waitUntilStaged()
        let away = gate.directory.file("away")
        try FileManager.default.moveItem(atPath: file(gate, drop.name), toPath: away)
        await sweep(gate)
        #expect(try state(gate, drop.id) == .taken)
        try FileManager.default.createSymbolicLink(atPath: file(gate, drop.name), withDestinationPath: away)
        await sweep(gate)
        #expect(try state(gate, drop.id) == .taken, "a link is not the file")
        try FileManager.default.removeItem(atPath: file(gate, drop.name))
        try Data("something else".utf8).write(to: URL(filePath: file(gate, drop.name)))
        await sweep(gate)
        #expect(try state(gate, drop.id) == .taken, "that is another file")
        try FileManager.default.removeItem(atPath: file(gate, drop.name))
        try FileManager.default.moveItem(atPath: away, toPath: file(gate, drop.name))
        await sweep(gate)
        let record = try #require(try gate.intake.drop(id: drop.id))
        #expect(record.state == .released && record.taken == nil)
    }

    @Test func aFileOfTheSameNameThatCameLaterIsNotMistakenForTheOneThatWasTaken() async throws {
        let gate = try Gate(clock: clock)
        let monday = try await gate.intake.commit(gate.upload("day.csv", "mon"), attempt: Gate.transfer)
        await gate.intake.waitUntilStaged()
        try FileManager.default.removeItem(atPath: file(gate, "sftp/acme/day.csv"))
        var next = try gate.upload("day.csv", "tue")
        next.dropID = DropID.make(milliseconds: 2)
        let parts = gate.directory.file("staging/incoming/sftp/acme/parts/")
        try Data("tue".utf8).write(to: URL(filePath: parts + next.dropID + ".part"))
        let tuesday = try await gate.intake.commit(next, attempt: Gate.transfer)
        await gate.intake.waitUntilStaged()
        await sweep(gate)
        #expect(try state(gate, monday.id) == .taken)
        #expect(try state(gate, tuesday.id) == .released)
    }

    @Test(arguments: [Intake.Layout.file, .ndjson])
    func nothingIsTakenWhereStagingIsNotMounted(layout: Intake.Layout) async throws {
        let directory = try TemporaryDirectory("unmounted")
        let drop: DropOutcome
        do {
            let gate = try Gate(directory, clock: clock) { $0.layout = layout }
            drop = try await receive(gate, "a")
            await gate.intake.waitUntilStaged()
            await gate.intake.close()
        }
        // The directory on which staging was mounted: empty, and the gate makes what it needs in it.
        let staging = directory.file("staging")
        try FileManager.default.moveItem(atPath: staging, toPath: directory.file("disk"))
        // No gate starts there unless somebody says that it is to, as here (`StagingMark`).
        let mark = directory.file("staging-id")
        try Data().write(to: URL(filePath: mark))
        do {
            let gate = try Gate(directory, clock: clock) {
                $0.layout = layout
                $0.retention.receipts = .seconds(-10)
            }
            let other = try await receive(gate, "b")
            await gate.intake.waitUntilStaged()
            await sweep(gate)
            #expect(try state(gate, drop.id) == .released, "it waits on the disk that is not there")
            let readyPath = try #require(try gate.intake.drop(id: other.id)).readyPath
            try FileManager.default.removeItem(atPath: file(gate, readyPath))
            await sweep(gate)
            #expect(try state(gate, other.id) == .forgotten, "this one was here, and is gone")
            #expect(try state(gate, drop.id) == .released)
            await gate.intake.close()
        }
        try FileManager.default.removeItem(atPath: staging)
        try FileManager.default.moveItem(atPath: directory.file("disk"), toPath: staging)
        try Data().write(to: URL(filePath: mark))
        let gate = try Gate(directory, clock: clock) { $0.layout = layout }
        await sweep(gate)
        #expect(try state(gate, drop.id) == .released && gate.ready().count == 1)
    }

    @Test func allEventsOfABatchThatIsGoneAreTaken() async throws {
        let gate = try Gate(clock: clock) { $0.layout = .ndjson }
        let drops = [try await receive(gate, "a"), try await receive(gate, "b")]
        await gate.intake.waitUntilStaged()
        for path in gate.ready() { try FileManager.default.removeItem(atPath: file(gate, path)) }
        await sweep(gate)
        for drop in drops { #expect(try state(gate, drop.id) == .taken) }
    }

    @Test func aReceiptStaysForItsTimeAfterTheFileWasFoundGone() async throws {
        let gate = try Gate(clock: clock) { $0.retention.receipts = .seconds(10 * 86_400) }
        let drop = try await receive(gate, "a")
        await gate.intake.waitUntilStaged()
        clock.pass(.seconds(30 * 86_400))
        try FileManager.default.removeItem(atPath: file(gate, drop.name))
        await sweep(gate)
        clock.pass(.seconds(9 * 86_400))
        await sweep(gate)
        #expect(try state(gate, drop.id) == .taken)
        #expect(gate.directory.files(under: "staging/receipts") == [drop.id + ".json"])
        clock.pass(.seconds(2 * 86_400))
        await sweep(gate)
        #expect(try state(gate, drop.id) == .forgotten)
        #expect(gate.directory.files(under: "staging/receipts").isEmpty)
    }

    @Test func whatLiesBehindALinkIsNotTakenAndKeepsNothingElseFromIt() async throws {
        let gate = try Gate(clock: clock)
        let event = try await receive(gate, "a")
        let upload = try await gate.intake.commit(gate.upload("day.csv", "mon"), attempt: Gate.transfer)
        await gate.intake.waitUntilStaged()
        let (events, away) = (file(gate, "webhook"), gate.directory.file("away"))
        try FileManager.default.moveItem(atPath: events, toPath: away)
        try FileManager.default.createSymbolicLink(atPath: events, withDestinationPath: away)
        try FileManager.default.removeItem(atPath: file(gate, "sftp/acme/day.csv"))
        let error = await #expect(throws: StagingError.self) {
            try await TakenSweep(intake: gate.intake).run()
        }
        #expect(error?.code == .obstructed)
        #expect(try state(gate, event.id) == .released && state(gate, upload.id) == .taken)
        try FileManager.default.removeItem(atPath: events)
        try FileManager.default.moveItem(atPath: away, toPath: events)
        await sweep(gate)
        #expect(try state(gate, event.id) == .released)
    }

    @Test func aRoundLooksAtABoundedNumberAndTheNextOneGoesOn() async throws {
        let gate = try Gate(clock: clock)
        var drops: [DropOutcome] = []
        for id in ["a", "b", "c", "d", "e"] { drops.append(try await receive(gate, id)) }
        await gate.intake.waitUntilStaged()
        for drop in drops { try FileManager.default.removeItem(atPath: file(gate, drop.name)) }
        let round = TakenSweep(intake: gate.intake, mostLooks: 2)
        var counts: [Int] = []
        for _ in 0..<3 {
            try await round.run()
            counts.append(try drops.filter { try state(gate, $0.id) == .taken }.count)
        }
        #expect(counts == [2, 4, 5])
        let last = try await receive(gate, "f")
        await gate.intake.waitUntilStaged()
        try FileManager.default.removeItem(atPath: file(gate, last.name))
        for _ in 0..<2 { try await round.run() }
        #expect(try state(gate, last.id) == .taken, "it begins anew")
    }

    @Test(arguments: [0, 1, 5])
    func whatIsPutBackAmongMoreThanARoundLooksAtIsReleasedAgain(position: Int) async throws {
        let gate = try Gate(clock: clock)
        var drops: [DropOutcome] = []
        for id in ["a", "b", "c", "d", "e", "f"] { drops.append(try await receive(gate, id)) }
        await gate.intake.waitUntilStaged()
        let back = drops[position]
        let away = gate.directory.file("away")
        try FileManager.default.moveItem(atPath: file(gate, back.name), toPath: away)
        for drop in drops where drop.id != back.id {
            try FileManager.default.removeItem(atPath: file(gate, drop.name))
        }
        let round = TakenSweep(intake: gate.intake, mostSecondLooks: 1)
        try await round.run()
        #expect(try drops.allSatisfy { try state(gate, $0.id) == .taken })
        try FileManager.default.moveItem(atPath: away, toPath: file(gate, back.name))
        var rounds = 0
        while try state(gate, back.id) == .taken, rounds < 10 {
            try await round.run()
            rounds += 1
        }
        // The newest at once, each other one when its turn comes.
        #expect(rounds == [0: 7, 1: 1, 5: 1][position])
        #expect(try state(gate, back.id) == .released)
    }

    @Test func aFileThatItsSenderIsTakingBackIsNotTaken() async throws {
        let gate = try gate(settle: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("day.csv", "text", session, gate)
        await gate.intake.waitUntilStaged()
        let path = file(gate, "sftp/acme/day.csv")
        let away = gate.directory.file("claimed")
        try FileManager.default.moveItem(atPath: path, toPath: away)
        let lock = session.box.lock
        let sweeping = try await lock.with(.exclusive) {
            let sweeping = Task { try await TakenSweep(intake: gate.intake).run() }
            // It has found the file gone.
            while lock.waiters == 0 { await Task.yield() }
            // As `giveBack` does, where the ledger did not take the change.
            try FileManager.default.moveItem(atPath: away, toPath: path)
            return sweeping
        }
        try await sweeping.value
        #expect(try state(gate, drop) == .released)
    }
}
