// A sender's change that goes wrong halfway leaves everything as it was: the ledger fails, an account is disabled, a
// session ends, retention sweeps.
import Admission
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

@Suite(.timeLimit(.minutes(1)), .largeAndSmall) struct SenderFaultTests: SenderTests {
    let clock = TestClock()

    // MARK: Staging fails

    @Test func whileADirectoryOfTheGateIsALinkSendersAreToComeAgainAndTheHealthSaysWhy() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let place = gate.directory.file("staging/ready/sftp")
        #expect(!FileManager.default.fileExists(atPath: place))
        try FileManager.default.createSymbolicLink(
            atPath: place, withDestinationPath: gate.directory.file("elsewhere"))
        let refusal = await #expect(throws: IntakeError.self) {
            try await send("a", "data", session, gate)
        }
        #expect(refusal?.code == .stagingFull && refusal?.retryAfter != nil)
        #expect(refusal?.description == "the gate cannot store anything now; try again later")
        func problem() -> String? { gate.intake.health.problems["staging"] }
        let words = "nothing of what acme sends can be stored: \(place) is a symbolic link"
        #expect(problem()?.hasPrefix(words) == true, "\(problem() ?? "")")
        // One whose box is not in memory gets no session.
        #expect(throws: StagingError.self) { try gate.intake.beginSession(of: "other") }
        #expect(problem()?.contains("what other sends") == true)
        gate.intake.tryPlaces()
        #expect(problem()?.hasPrefix(words) == true, "it is as it was")

        try FileManager.default.removeItem(atPath: place)
        gate.intake.tryPlaces()
        #expect(problem() == nil)
        try await send("b", "data", session, gate)
        await gate.intake.close()
    }

    // MARK: The ledger fails

    @Test func aChangeThatTheLedgerDoesNotTakeIsNoneAndCanBeMadeAgain() async throws {
        let disk = FailingDisk()
        let gate = try gate(disk: disk)
        let session = try gate.intake.beginSession(of: "acme")
        for name in ["a", "b"] { _ = try await released(name, session, gate) }
        let settling = try await send("s", "settles", session, gate)
        _ = try await send("whole.tmp", "whole", session, gate)
        let changes: [(what: String, change: () async throws -> Void)] = [
            ("remove a", { try await remove("a", session, gate) }),
            ("remove s", { try await remove("s", session, gate) }),
            ("remove whole.tmp", { try await remove("whole.tmp", session, gate) }),
            ("rename a c", { try await rename("a", "c", session, gate) }),
            ("rename s t", { try await rename("s", "t", session, gate) }),
            ("rename whole.tmp whole", { try await rename("whole.tmp", "whole", session, gate) }),
            ("replace a by b", { try await rename("b", "a", session, gate, replaces: true) }),
            ("replace a by whole.tmp", { try await rename("whole.tmp", "a", session, gate, replaces: true) }),
        ]
        let entries = try gate.entries().count
        for (what, change) in changes {
            disk.fails = true
            let refusal = await #expect(throws: SenderError.self, "\(what)") { try await change() }
            disk.fails = false
            #expect(refusal?.reason == .ledgerFailed, "\(what)")
            #expect(gate.ready().sorted() == ["sftp/acme/a", "sftp/acme/b"], "\(what)")
            #expect(gate.directory.files(under: "staging/incoming/sftp/acme/claimed").isEmpty, "\(what)")
            #expect(quarantined(gate).isEmpty, "\(what)")
            #expect(try size("a", session, gate) == 8 && size("b", session, gate) == 8, "\(what)")
            #expect(try size("s", session, gate) == 7 && size("whole.tmp", session, gate) == 5, "\(what)")
        }
        #expect(try gate.entries().count == entries)
        // No name was promised and forgotten.
        try await rename("a", "c", session, gate)
        try await rename("s", "t", session, gate)
        try await rename("whole.tmp", "whole", session, gate)
        clock.pass(.seconds(61))
        await release(
            [settling] + session.box.state.withLock { state in Array(state.settling.keys) }, gate)
        #expect(gate.ready().sorted() == ["b", "c", "t", "whole"].map { "sftp/acme/" + $0 })
    }

    /// Between two commits a crash would leave the old file withdrawn, and the new one under its former name.
    @Test(arguments: ["b", "s", "whole.tmp"], ["a", "t"])
    func aFileTakesThePlaceOfAnotherOneInOneCommit(from: String, to: String) async throws {
        let disk = FailingDisk()
        let gate = try gate(disk: disk)
        let session = try gate.intake.beginSession(of: "acme")
        var drops: [String: String] = [:]
        for name in ["a", "b"] { drops[name] = try await released(name, session, gate) }
        for name in ["s", "t"] { drops[name] = try await send(name, "settles", session, gate) }
        drops["whole.tmp"] = try await send("whole.tmp", "whole", session, gate)
        await gate.intake.waitUntilStaged()
        let bytes = try size(from, session, gate)
        disk.commitsLeft = 1
        try await rename(from, to, session, gate, replaces: true)
        disk.commitsLeft = .max
        #expect(try reasons(gate).suffix(2) == ["withdrawn", from == "whole.tmp" ? "listed" : "renamed"])
        let (old, new) = try (#require(drops[to]), #require(drops[from]))
        #expect(try record(old, gate)?.state == .withdrawn)
        #expect(try record(new, gate)?.name == to && record(new, gate)?.readyPath == "sftp/acme/\(to)")
        #expect(try size(from, session, gate) == nil && size(to, session, gate) == bytes)
        #expect(Set(quarantined(gate)) == ["\(old)/\(to)", "\(old)/receipt.json"])
    }

    /// Nothing is accepted by it, and the old file is not delivered all the same.
    @Test func anUnfinishedFileTakesThePlaceOfAnAcceptedOneUnderATemporaryName() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let old = try await send("t", "settles", session, gate)
        try await rename("t", "x.tmp", session, gate)
        _ = try await send("whole.tmp", "whole", session, gate)
        try await rename("whole.tmp", "x.tmp", session, gate, replaces: true)
        #expect(try record(old, gate)?.state == .withdrawn)
        try await rename("x.tmp", "x", session, gate)
        #expect(
            try gate.entries().filter { $0["reason"] == "listed" }.count == 2, "the file's and the old one's")
        #expect(try size("x", session, gate) == 5)
    }

    @Test func aFileKeepsItsPlaceWhereTheOneThatWasToTakeItIsGone() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let old = try await released("b", session, gate)
        let new = try await send("s", "settles", session, gate)
        let change = DropChange(id: new, from: .pending, kind: .acknowledged(at: clock.now))
        #expect(try await gate.intake.make(change, Gate.transfer))
        await #expect(throws: SenderError.self) {
            try await rename("s", "b", session, gate, replaces: true)
        }
        #expect(try record(old, gate)?.state == .released && quarantined(gate).isEmpty)
        #expect(gate.ready() == ["sftp/acme/b"] && gate.contents("sftp/acme/b") == "released")
    }

    /// It is acknowledged in this instant.
    @Test func aFileTakesThePlaceOfOneThatCannotBeWithdrawnAnyMore() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let old = try await send("t", "old", session, gate)
        let new = try await released("b", session, gate)
        let change = DropChange(id: old, from: .pending, kind: .acknowledged(at: clock.now))
        #expect(try await gate.intake.make(change, Gate.transfer))
        try await rename("b", "t", session, gate, replaces: true)
        #expect(gate.ready() == ["sftp/acme/t"] && gate.contents("sftp/acme/t") == "released")
        #expect(try record(new, gate)?.name == "t" && record(old, gate)?.state == .acknowledged)
        #expect(quarantined(gate).isEmpty)
    }

    @Test func anAcceptedFileDoesNotGiveWayToOneThatThereIsNoRoomFor() async throws {
        let directory = try TemporaryDirectory("gate")
        /// A life of the gate: it lets go of the ledger when it is over.
        func live(reserve: Int64, _ body: (Gate, SenderSession) async throws -> Void) async throws {
            let gate = try gate(directory) { $0.reserveBytes = reserve }
            try await body(gate, gate.intake.beginSession(of: "acme"))
            await gate.intake.close()
        }
        try await live(reserve: 1) { gate, session in
            _ = try await released("a", session, gate)
            try await send("whole.tmp", "whole", session, gate)
        }
        try await live(reserve: .max) { gate, session in
            let refusal = await #expect(throws: SenderError.self) {
                try await rename("whole.tmp", "a", session, gate, replaces: true)
            }
            #expect(refusal?.reason == .stagingFull, "\(String(describing: refusal))")
            #expect(gate.ready() == ["sftp/acme/a"] && quarantined(gate).isEmpty)
            let sizes = [try size("a", session, gate), try size("whole.tmp", session, gate)]
            #expect(sizes == [8, 5])
        }
        try await live(reserve: 1) { gate, session in
            try await rename("whole.tmp", "a", session, gate, replaces: true)
        }
    }

    /// A session has it, and the tree does not say so yet.
    @Test func whatASessionHasTakenUpIsNeitherRemovedNorRenamed() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("whole.tmp", "whole", session, gate)
        let entries = try gate.entries().count
        do {
            let held = try #require(try session.box.files.hold(drop))
            defer { held.file.release() }
            for change in [
                { try await remove("whole.tmp", session, gate) },
                { try await rename("whole.tmp", "whole", session, gate) },
            ] {
                let refusal = await #expect(throws: SenderError.self) { try await change() }
                #expect(refusal?.message.contains("another session is writing it") == true)
            }
        }
        #expect(try gate.entries().count == entries, "nothing says that it was withdrawn")
        try await rename("whole.tmp", "whole", session, gate)
        await gate.intake.close()
    }

    // MARK: A session that is dead, and not known to be

    /// What a sender that goes on with what is there is given.
    private func resume(_ path: String, _ session: SenderSession, _ gate: Gate) throws -> SenderOpening {
        var order = try order(path)
        order.fresh = false
        return try gate.intake.open(order, session)
    }

    private func parts(_ gate: Gate) -> [String] {
        gate.directory.files(under: "staging/incoming/sftp/acme/parts").filter { $0.hasSuffix(".part") }
    }

    @Test func whatADeadSessionLeavesDoesNotKeepANewerWholeUploadFromItsName() async throws {
        let gate = try gate()
        let (dead, session) = try (gate.intake.beginSession(of: "acme"), gate.intake.beginSession(of: "acme"))
        let half = try begin("d.tmp", "monday-half", dead, gate)
        let whole = try await send("d.tmp", "monday", session, gate)
        let left = gate.intake.endSession(dead)
        #expect(left.map(\.drop) == [half] && left.map(\.bytes) == [11])
        #expect(left.map(\.isSuperseded) == [true])
        #expect(parts(gate) == ["\(whole).part"] && session.box.usage.bytes == 6)
        try await rename("d.tmp", "d", session, gate)
        clock.pass(.seconds(6))
        await release([whole], gate)
        #expect(gate.contents("sftp/acme/d") == "monday")
    }

    @Test(arguments: ["ended", "kept", "put back"])
    func whatADeadSessionLeavesNeverShowsOnceANewerUploadHasLeftItsName(_ end: String) async throws {
        let gate = try gate()
        let (dead, session) = try (gate.intake.beginSession(of: "acme"), gate.intake.beginSession(of: "acme"))
        let half = try begin("d.tmp", "monday-half", dead, gate)
        try await send("d.tmp", "monday", session, gate)
        try await rename("d.tmp", "d", session, gate)
        switch end {
        case "kept":
            #expect(await !gate.intake.kept(half, bytes: 11, isWhole: false, modified: nil, dead))
        case "put back": gate.intake.putBack(half, dead)
        default: #expect(gate.intake.endSession(dead).map(\.isSuperseded) == [true])
        }
        let next = try gate.intake.beginSession(of: "acme")
        #expect(try size("d.tmp", next, gate) == nil)
        let opening = try resume("d.tmp", next, gate)
        #expect(opening.standing == .fresh && opening.drop != half)
        #expect(!parts(gate).contains("\(half).part"))
        await gate.intake.close()
        // Its session tells of the others.
        let told = try gate.entries().filter { $0["drop"]?["id"]?.string == half }
            .compactMap { $0["detail"]?["message"]?.string }
        #expect(told.count == (end == "put back" ? 1 : 0))
        #expect(told.allSatisfy { $0.contains("a newer upload of its name is whole") })
    }

    /// Begun later, and opened earlier, than the part that was gone on with.
    @Test func whatADeadSessionLeavesIsOldAlsoWhenAnEarlierPartBecameWhole() async throws {
        let gate = try gate()
        let sessions = try (0..<3).map { _ in try gate.intake.beginSession(of: "acme") }
        let earlier = try begin("d.tmp", "sun", sessions[0], gate)
        let half = try begin("d.tmp", "monday-half", sessions[1], gate)
        #expect(gate.intake.endSession(sessions[0]).map(\.bytes) == [3])
        #expect(try resume("d.tmp", sessions[2], gate).drop == earlier)
        await gate.intake.kept(earlier, bytes: 3, isWhole: true, modified: nil, sessions[2])
        let left = gate.intake.endSession(sessions[1])
        #expect(left.map(\.drop) == [half] && left.map(\.isSuperseded) == [true])
        #expect(try size("d.tmp", sessions[2], gate) == 3)
    }

    @Test func whatAnOlderSessionClosesItselfIsAnUploadOfItsOwn() async throws {
        let gate = try gate()
        let (slow, session) = try (gate.intake.beginSession(of: "acme"), gate.intake.beginSession(of: "acme"))
        let partial = try hold("d.tmp", "slow", slow, gate)
        let whole = try await send("d.tmp", "monday", session, gate)
        try partial.keepWhole(size: 4, sha256: partial.sha256(of: 4), modified: nil)
        #expect(await gate.intake.kept(partial.drop, bytes: 4, isWhole: true, modified: nil, slow))
        partial.release()
        try await rename("d.tmp", "d", session, gate)
        clock.pass(.seconds(6))
        await release([partial.drop, whole], gate)
        #expect(Set(gate.ready().compactMap(gate.contents)) == ["slow", "monday"])
    }

    @Test(arguments: [true, false])
    func whatADeadSessionLeavesIsOldForTheNextRunOfTheGate(isWritten: Bool) async throws {
        let directory = try TemporaryDirectory("gate")
        let half: PartialFile
        do {
            let gate = try gate(directory)
            half = try hold("d.tmp", "monday-half", gate.intake.beginSession(of: "acme"), gate)
            let session = try gate.intake.beginSession(of: "acme")
            try await send("d.tmp", "monday", session, gate)
            try await rename("d.tmp", "d", session, gate)
            await gate.intake.close()
        }
        if !isWritten { half.release() }
        let gate = try gate(directory)
        let session = try gate.intake.beginSession(of: "acme")
        half.release()
        #expect(try size("d.tmp", session, gate) == nil)
        #expect(try resume("d.tmp", session, gate).standing == .fresh)
        #expect(!parts(gate).contains("\(half.drop).part"))
        await gate.intake.close()
        #expect(try gate.entries().filter { $0["drop"]?["id"]?.string == half.drop }.count == 1)
    }

    @Test func ofManyUploadsThatAreInterruptedAtOnceEachHasAnEntry() async throws {
        let gate = try gate()
        for number in 0..<50 {
            var attempt = Gate.transfer
            (attempt.verdict, attempt.reason) = (.rejected, .incomplete)
            let id = DropID.make(milliseconds: Int64(number))
            attempt.drop = DropFacts(id: id, name: "\(number).csv", bytes: 1, sha256: nil)
            gate.intake.noteInterrupted(attempt)
        }
        await gate.intake.close()
        #expect(try Set(gate.entries().compactMap { $0["drop"]?["id"]?.string }).count == 50)
    }

    // MARK: Authority

    /// Begins a change that has to wait for its turn, and calls `then` before it gets that.
    private func whileWaiting(
        _ change: @escaping @Sendable () async throws -> Void, _ session: SenderSession, _ then: () -> Void
    ) async -> Task<Void, any Error> {
        await session.box.lock.with(.exclusive) {
            let task = Task { try await change() }
            while session.box.lock.waiters == 0 { await Task.yield() }
            then()
            return task
        }
    }

    @Test func whoMayNothingAnyMoreBehindTheLockChangesNothing() async throws {
        let gate = try gate()
        let isDisabled = Mutex(false)
        let session = try gate.intake.beginSession(of: "acme") {
            isDisabled.withLock { $0 } ? (.accountDisabled, "the account is disabled") : nil
        }
        _ = try await released("a", session, gate)
        _ = try await send("s", "settles", session, gate)
        let opening = try gate.intake.open(order("new"), session)
        // Each asks while it still may, and waits behind somebody else's change meanwhile.
        let intake = gate.intake
        let paths = try ["a", "s", "b", "t"].map { try #require(DropPath($0)) }
        let changes: [@Sendable () async throws -> Void] = [
            { try await intake.remove(paths[0], open: nil, attempt: Gate.transfer, session) },
            { try await intake.remove(paths[1], open: nil, attempt: Gate.transfer, session) },
            {
                try await intake.rename(
                    SenderRename(from: paths[0], to: paths[2], replaces: false, open: nil),
                    attempt: Gate.transfer, session)
            },
            {
                try await intake.rename(
                    SenderRename(from: paths[1], to: paths[3], replaces: false, open: nil),
                    attempt: Gate.transfer, session)
            },
        ]
        for change in changes {
            isDisabled.withLock { $0 = false }
            let task = await whileWaiting(change, session) { isDisabled.withLock { $0 = true } }
            let refusal = await #expect(throws: SenderError.self) { try await task.value }
            #expect(refusal?.reason == .accountDisabled)
        }
        let upload = FinishedUpload(
            dropID: opening.drop, account: "acme", path: "new", bytes: 0, sha256: "", modified: nil)
        let refusal = await #expect(throws: IntakeError.self) {
            _ = try await gate.intake.commit(upload, attempt: Gate.transfer, session)
        }
        #expect(refusal?.code == .accountDisabled)
        #expect(gate.ready() == ["sftp/acme/a"] && quarantined(gate).isEmpty)
        #expect(try reasons(gate) == ["listed", "listed"])
    }

    /// Its link has gone. Whoever waits at its other end has heard of a failure, and sends the file again.
    @Test func whomNobodyHearsAnyMoreBehindTheLockChangesNothing() async throws {
        let gate = try gate()
        let isHeard = Mutex(true)
        let session = try gate.intake.beginSession(of: "acme", isHeard: { isHeard.withLock { $0 } })
        _ = try await released("a", session, gate)
        let upload = try gate.upload("new", "sent again")
        let intake = gate.intake
        let (path, other) = try (#require(DropPath("a")), #require(DropPath("b")))
        let changes: [@Sendable () async throws -> Void] = [
            { try await intake.remove(path, open: nil, attempt: Gate.transfer, session) },
            {
                try await intake.rename(
                    SenderRename(from: path, to: other, replaces: false, open: nil), attempt: Gate.transfer,
                    session)
            },
            { _ = try await intake.commit(upload, attempt: Gate.transfer, session) },
        ]
        for change in changes {
            isHeard.withLock { $0 = true }
            let task = await whileWaiting(change, session) { isHeard.withLock { $0 = false } }
            await #expect(throws: (any Error).self) { try await task.value }
        }
        #expect(gate.ready() == ["sftp/acme/a"] && quarantined(gate).isEmpty)
        #expect(try reasons(gate) == ["listed"] && record(upload.dropID, gate) == nil)
    }

    @Test func aDirectoryIsNotRenamedAnyFurtherOnceItsSenderMayNot() async throws {
        let gate = try gate()
        let asked = Mutex(0)
        let session = try gate.intake.beginSession(of: "acme") {
            asked.withLock { count in
                count += 1
                // For the request, the first file, the second one.
                return count > 2 ? (.accountDisabled, "the account is disabled") : nil
            }
        }
        try gate.intake.makeDirectory(#require(DropPath("d")), session)
        for name in ["d/1", "d/2", "d/3"] { try await send(name, name, session, gate) }
        let refusal = await #expect(throws: SenderError.self) { try await rename("d", "e", session, gate) }
        #expect(refusal?.reason == .accountDisabled)
        #expect(try reasons(gate).filter { $0 == "renamed" }.count == 1)
    }

    // MARK: Room

    @Test func howeverAnUploadEndsItsRoomIsFreeAgain() async throws {
        let gate = try gate()
        let most = try gate.intake.staging.root.space().bytes / 10 * 6
        let session = try gate.intake.beginSession(of: "acme")
        let ends: [(what: String, end: (String, SenderSession) async throws -> Void)] = [
            ("kept", { _ = await gate.intake.kept($0, bytes: 1, isWhole: false, modified: nil, $1) }),
            ("discarded", { gate.intake.discarded($0, $1) }), ("put back", { gate.intake.putBack($0, $1) }),
            ("the session ended", { _ = gate.intake.endSession($1) }),
            (
                "accepted",
                { drop, session in
                    let upload = FinishedUpload(
                        dropID: drop, account: "acme", path: "accepted", bytes: 1, sha256: "", modified: nil)
                    _ = try await gate.intake.commit(upload, attempt: Gate.transfer, session)
                }
            ),
        ]
        for (what, end) in ends {
            let drop = try begin(what, "1", session, gate)
            #expect(try gate.intake.room(most...most, for: drop, session) == most, "\(what)")
            #expect(throws: UploadSpace.Missing.self, "\(what)") {
                try gate.intake.uploadSpace.take(most...most, for: "another").get()
            }
            try await end(drop, session)
            #expect(throws: Never.self, "\(what)") {
                try gate.intake.uploadSpace.take(most...most, for: "another").get()
            }
            gate.intake.uploadSpace.end("another")
        }
    }

    // MARK: Retention

    @Test func theJanitorLeavesWhatIsAcceptedOrWrittenAndTakesWhatNobodyRenames() async throws {
        let gate = try gate { $0.retention.resumeFor = .seconds(-10) }
        let session = try gate.intake.beginSession(of: "acme")
        let accepted = try await send("a", "1", session, gate)
        let whole = try await send("b.tmp", "22", session, gate)
        let half = try begin("c", "333", session, gate)
        _ = gate.intake.endSession(session)
        let writer = try gate.intake.beginSession(of: "acme")
        let written = try begin("d", "4444", writer, gate)
        await Retention(gate.intake).sweep()
        #expect(gate.intake.health.problems.isEmpty)
        #expect(
            Set(quarantined(gate))
                == ["\(whole)/b.tmp", "\(whole)/receipt.json", "\(half)/c", "\(half)/receipt.json"])
        let whys = try gate.entries().compactMap { $0["detail"]?["quarantined"]?.string }
        #expect(whys.count == 2 && whys.contains { $0.hasPrefix("not renamed to a final name") })
        #expect(gate.intake.writes(written, writer))
        clock.pass(.seconds(6))
        await release([accepted], gate)
        #expect(gate.ready() == ["sftp/acme/a"])
    }

    @Test func theJanitorWaitsForWhoChangesABox() async throws {
        let gate = try gate { $0.retention.resumeFor = .seconds(-10) }
        let session = try gate.intake.beginSession(of: "acme")
        _ = try await send("b.tmp", "22", session, gate)
        let intake = gate.intake
        let sweep = await session.box.lock.with(.shared) {
            let sweep = Task { await Retention(intake).sweep() }
            while session.box.lock.waiters == 0 { await Task.yield() }
            #expect(quarantined(gate).isEmpty)
            return sweep
        }
        await sweep.value
        #expect(!quarantined(gate).isEmpty)
    }

    // MARK: Boxes in memory

    @Test func aBoxThatSomebodyHoldsOrSomethingSettlesInStaysTheSame() async throws {
        let gate = try gate()
        let boxes = gate.intake.boxes
        var session: SenderSession? = try gate.intake.beginSession(of: "acme")
        // Known in memory only.
        let mark = clock.now
        session?.box.state.withLock { $0.renamed = mark }
        boxes.forget(unusedFor: .zero)
        #expect(
            try gate.intake.box(of: "acme").state.withLock { $0.renamed } == mark, "a session has it")
        try await send("s", "settles", #require(session), gate)
        session = nil
        boxes.forget(unusedFor: .zero)
        #expect(
            try gate.intake.box(of: "acme").state.withLock { $0.renamed } == mark, "something settles in it")
    }

    @Test func aBoxMadeAnewIsTheSame() async throws {
        let gate = try gate()
        let names = ["d/released", "whole.tmp", "half", "d"]
        func sizes(_ session: SenderSession) throws -> [Int64?] {
            try names.map { try size($0, session, gate) }
        }
        var before: [Int64?] = []
        var usage: (names: Int, bytes: Int64) = (0, 0)
        do {
            let session = try gate.intake.beginSession(of: "acme")
            try gate.intake.makeDirectory(#require(DropPath("d")), session)
            _ = try await released("d/released", session, gate)
            _ = try await send("whole.tmp", "whole", session, gate)
            _ = try begin("half", "half", session, gate)
            _ = gate.intake.endSession(session)
            before = try sizes(session)
            usage = session.box.usage
        }
        #expect(before == [8, 5, 4, 0])
        gate.intake.boxes.forget(unusedFor: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        #expect(session.box.state.withLock { $0.renamed == nil })
        #expect(try sizes(session) == before)
        #expect(session.box.usage == usage)
    }
}
