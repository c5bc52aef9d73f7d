// Something is in the way of one account, or of one name: it alone waits, and the gate's health says so for as long as that is so.
import Admission
import Blocking
import Foundation
import Ledger
import Staging
import Support
import Synchronization
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct ObstructedTests: SenderTests {
    let clock = TestClock()

    /// Puts a link in the place of a directory of staging; what lay there goes on at its end.
    private func obstruct(_ directory: TemporaryDirectory, _ place: String) throws {
        let path = directory.file("staging/" + place)
        if FileManager.default.fileExists(atPath: path) {
            try FileManager.default.moveItem(atPath: path, toPath: directory.file("aside"))
        }
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: directory.file("aside"))
    }

    private func mend(_ directory: TemporaryDirectory, _ place: String) throws {
        let path = directory.file("staging/" + place)
        try FileManager.default.removeItem(atPath: path)
        if FileManager.default.fileExists(atPath: directory.file("aside")) {
            try FileManager.default.moveItem(atPath: directory.file("aside"), toPath: path)
        }
    }

    private func problem(_ gate: Gate) -> String? { gate.intake.health.problems["staging"] }

    // MARK: One name

    @Test func whatIsWrongWithOneNameIsNoMatterOfItsAccount() async throws {
        let gate = try gate()
        for code in [StagingError.Code.badPath, .exists, .denied, .obstructed, .failed] {
            #expect(gate.intake.isOfItsName(StagingError(code, "x"), below: "sftp/acme/"), "\(code)")
        }
        #expect(!gate.intake.isOfItsName(StagingError(.full, "x"), below: "sftp/acme/"))
        try FileManager.default.createDirectory(
            atPath: gate.directory.file("staging/ready/sftp"), withIntermediateDirectories: false)
        try obstruct(gate.directory, "ready/sftp/acme")
        for code in [StagingError.Code.denied, .obstructed, .failed] {
            #expect(!gate.intake.isOfItsName(StagingError(code, "x"), below: "sftp/acme/"), "\(code)")
            for others in ["sftp/other/", ""] {
                #expect(gate.intake.isOfItsName(StagingError(code, "x"), below: others), "\(code) \(others)")
            }
        }
        await gate.intake.close()
    }

    @Test(.enabled(if: geteuid() != 0, "root may look everywhere"))
    func aDirectoryThatIsClosedToTheGateKeepsNoOtherNameFromItsPlace() async throws {
        let directory = try TemporaryDirectory("closed")
        let closed = directory.file("staging/ready/sftp/acme/closed")
        func close(_ mode: Int) throws {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: closed)
        }
        defer { try? close(0o700) }
        do {
            let gate = try gate(directory, settle: .zero)
            let session = try gate.intake.beginSession(of: "acme")
            try gate.intake.makeDirectory(#require(DropPath("closed")), session)
            try await send("closed/a", "data", session, gate)
            try close(0)
            let refusal = await #expect(throws: IntakeError.self) {
                try await send("closed/b", "data", session, gate)
            }
            #expect(refusal?.code == .badPath)
            #expect(problem(gate) == nil)
            try await send("c", "data", session, gate)
            await gate.intake.close()
        }
        // Its box can be loaded, too.
        let gate = try gate(directory, settle: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        try await send("d", "data", session, gate)
        #expect(problem(gate) == nil)
        await gate.intake.close()
    }

    // MARK: One account

    @Test func anAccountHasNoPlaceForAsLongAsItWasRefusedLast() async throws {
        let gate = try gate()
        let intake = gate.intake
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<200 {
                        intake.hasNoPlace("acme", StagingError(.denied, "closed"))
                        intake.tryPlaces()
                    }
                }
            }
        }
        // Nothing is in its way, so whatever was refused last is found out.
        intake.tryPlaces()
        #expect(problem(gate) == nil)
        #expect(intake.unplaced.withLock { $0.refusals.isEmpty })
        await gate.intake.close()
    }

    @Test func aLookForPlacesEndsWithTheGate() async throws {
        let gate = try gate()
        let isOver = Mutex(false)
        gate.intake.places.begin {
            while !Task.isCancelled { await Task.yield() }
            isOver.withLock { $0 = true }
        }
        await gate.intake.close()
        #expect(isOver.withLock { $0 })
    }

    /// This process has the directories open, and its sessions would not get there.
    @Test(arguments: ["incoming/sftp", "incoming/sftp/acme", "incoming/sftp/acme/parts"])
    func anAccountWhoseDirectoriesAreSomewhereElseGetsNoSession(place: String) async throws {
        let gate = try gate(settle: .zero)
        try await send("a", "data", gate.intake.beginSession(of: "acme"), gate)
        try obstruct(gate.directory, place)
        let error = #expect(throws: StagingError.self) { try gate.intake.beginSession(of: "acme") }
        #expect(error?.code == .obstructed)
        #expect(problem(gate)?.contains("\(place) is a symbolic link") == true, "\(problem(gate) ?? "")")
        gate.intake.tryPlaces()
        #expect(problem(gate) != nil)
        try mend(gate.directory, place)
        try await send("b", "data", gate.intake.beginSession(of: "acme"), gate)
        #expect(problem(gate) == nil)
        await gate.intake.close()
    }

    /// A gate with a released upload that was taken back when the gate ended, and the ledger does not say so.
    private func claimed(_ directory: TemporaryDirectory) async throws -> String {
        let gate = try gate(directory, settle: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("a", "data", session, gate)
        await gate.intake.waitUntilStaged()
        await gate.intake.close()
        try FileManager.default.moveItem(
            atPath: directory.file("staging/ready/sftp/acme/a"),
            toPath: directory.file("staging/incoming/sftp/acme/claimed/\(drop)"))
        return drop
    }

    @Test(arguments: ["", "/parts", "/tree", "/claimed"])
    func oneAccountsDirectoriesKeepNoGateFromItsStart(below: String) async throws {
        let directory = try TemporaryDirectory("start")
        let drop = try await claimed(directory)
        let place = "incoming/sftp/acme" + below
        try obstruct(directory, place)
        let gate = try gate(directory, settle: .zero)
        #expect(problem(gate)?.hasPrefix("nothing of what acme sends can be stored: ") == true)
        #expect(throws: StagingError.self) { try gate.intake.beginSession(of: "acme") }
        _ = try gate.intake.beginSession(of: "other")
        // Its file is not gone: it is the sweep's matter only once it is known what a crash left.
        await #expect(throws: StagingError.self) { try await gate.intake.sweepStaging() }
        #expect(try record(drop, gate)?.state == .released)
        try mend(directory, place)
        gate.intake.tryPlaces()
        #expect(problem(gate) == nil)
        #expect(gate.contents("sftp/acme/a") == "data")
        try await gate.intake.sweepStaging()
        #expect(try record(drop, gate)?.state == .released)
        let session = try gate.intake.beginSession(of: "acme")
        #expect(try size("a", session, gate) == 4)
        await gate.intake.close()
    }

    /// The link goes first, and the directory comes back later.
    @Test func nothingOfAnAccountIsTakenBeforeItIsKnownWhatACrashLeft() async throws {
        let directory = try TemporaryDirectory("start")
        let drop = try await claimed(directory)
        let place = directory.file("staging/incoming/sftp/acme")
        try obstruct(directory, "incoming/sftp/acme")
        let gate = try gate(directory, settle: .zero)
        try FileManager.default.removeItem(atPath: place)
        let error = await #expect(throws: StagingError.self) { try await gate.intake.sweepStaging() }
        #expect(error?.code == .obstructed)
        #expect(try record(drop, gate)?.state == .released)
        gate.intake.tryPlaces()
        #expect(problem(gate) != nil)
        try FileManager.default.moveItem(atPath: directory.file("aside"), toPath: place)
        gate.intake.tryPlaces()
        #expect(problem(gate) == nil)
        #expect(gate.contents("sftp/acme/a") == "data")
        try await gate.intake.sweepStaging()
        #expect(try record(drop, gate)?.state == .released)
        await gate.intake.close()
    }

    @Test func anAccountsQuarantineKeepsNoGateFromItsStart() async throws {
        let directory = try TemporaryDirectory("start")
        do {
            let gate = try gate(directory)
            await gate.intake.close()
        }
        let quarantine = directory.file("staging/quarantine/sftp")
        try FileManager.default.createDirectory(
            atPath: quarantine + "/other/0", withIntermediateDirectories: true)
        try obstruct(directory, "quarantine/sftp/acme")
        let gate = try gate(directory)
        #expect(try FileManager.default.contentsOfDirectory(atPath: quarantine + "/other").isEmpty)
        await gate.intake.close()
    }

    // MARK: Sweeps

    @Test func aSweepGoesOnBehindAnAccountThatCannotBeLookedAt() async throws {
        let directory = try TemporaryDirectory("sweep")
        let drop: String
        let taken: String
        let done: String
        do {
            let gate = try gate(directory, settle: .zero)
            drop = try await send("a", "data", gate.intake.beginSession(of: "acme"), gate)
            let events = [
                try await gate.intake.receive(Gate.event("a", body: "1"), attempt: Gate.accepted),
                try await gate.intake.receive(Gate.event("b", body: "2"), attempt: Gate.accepted),
            ]
            await gate.intake.waitUntilStaged()
            taken = events[0].id
            done = events[1].id
            #expect(try await gate.intake.acknowledge(done))
            for path in ["sftp/acme/a", events[0].name] {
                try FileManager.default.removeItem(atPath: directory.file("staging/ready/" + path))
            }
            await gate.intake.close()
        }
        try obstruct(directory, "incoming/sftp/acme/parts")
        let gate = try gate(directory, settle: .zero) { $0.retention.acknowledged = .seconds(-10) }
        await #expect(throws: StagingError.self) { try await gate.intake.sweepStaging() }
        #expect(try record(taken, gate)?.state == .taken)
        #expect(gate.ready().isEmpty, "the acknowledged one is removed")
        #expect(try record(drop, gate)?.state == .released, "its account's turn comes")
        try mend(directory, "incoming/sftp/acme/parts")
        try await gate.intake.sweepStaging()
        #expect(try record(drop, gate)?.state == .taken)
        await gate.intake.close()
    }

    @Test func oldQuarantineGoesBesideAnAccountsThatCannotBeLookedAt() async throws {
        let gate = try gate { $0.retention.quarantined = .seconds(-10) }
        let quarantine = gate.directory.file("staging/quarantine/sftp")
        try FileManager.default.createDirectory(
            atPath: quarantine + "/other/0", withIntermediateDirectories: true)
        try obstruct(gate.directory, "quarantine/sftp/acme")
        await #expect(throws: StagingError.self) { try await gate.intake.sweepStaging() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: quarantine + "/other").isEmpty)
        await gate.intake.close()
    }

    // MARK: Moved away

    @Test(arguments: ["incoming/sftp", "incoming/sftp/acme"])
    func whatSettlesIsNotLostWhileItsDirectoryIsMovedAway(place: String) async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let opening = try gate.intake.open(order("a"), session)
        let partial = try session.box.files.create("a", drop: opening.drop, modified: nil, now: clock.now)
        try Array("data".utf8).withUnsafeBytes { try partial.write($0, [0..<4], at: 0) }
        let sha256 = try partial.sha256(of: 4)
        try partial.seal()
        let upload = FinishedUpload(
            dropID: opening.drop, account: "acme", path: "a", bytes: 4, sha256: sha256, modified: nil)
        _ = try await gate.intake.commit(upload, attempt: Gate.transfer)
        let away = gate.directory.file("away")
        let path = gate.directory.file("staging/" + place)
        try FileManager.default.moveItem(atPath: path, toPath: away)
        clock.pass(.seconds(6))
        await release([opening.drop], gate)
        #expect(try record(opening.drop, gate)?.state == .pending)
        #expect(gate.intake.health.problems["lost"] == nil && gate.intake.health.problems["release"] != nil)
        try FileManager.default.moveItem(atPath: away, toPath: path)
        await release([opening.drop], gate)
        #expect(gate.contents("sftp/acme/a") == "data")
        #expect(gate.intake.health.problems["release"] == nil)
        await gate.intake.close()
    }

    static let account = "incoming/sftp/acme"

    /// An upload has settled, and its account's directory was moved away: neither sessions nor tries of a release make it anew, nobody
    /// else has to wait, and once it is back the upload is released.
    private func isWaitedFor(_ drop: String, _ gate: Gate) async throws {
        let place = gate.directory.file("staging/" + Self.account)
        for _ in 0..<2 {
            let error = #expect(throws: StagingError.self) { try gate.intake.beginSession(of: "acme") }
            #expect(error?.code == .obstructed)
            gate.intake.tryPlaces()
            await release([drop], gate)
        }
        #expect(!FileManager.default.fileExists(atPath: place))
        #expect(problem(gate)?.contains("\(place) is gone") == true, "\(problem(gate) ?? "")")
        _ = try gate.intake.beginSession(of: "other")
        #expect(try record(drop, gate)?.state == .pending)
        try FileManager.default.moveItem(atPath: gate.directory.file("away"), toPath: place)
        gate.intake.tryPlaces()
        #expect(problem(gate) == nil)
        await release([drop], gate)
        #expect(gate.contents("sftp/acme/a") == "data" && gate.intake.health.problems["lost"] == nil)
        _ = try gate.intake.beginSession(of: "acme")
    }

    private func moveAway(_ directory: TemporaryDirectory) throws {
        try FileManager.default.moveItem(
            atPath: directory.file("staging/" + Self.account), toPath: directory.file("away"))
    }

    @Test func anAccountsDirectoryIsNotMadeAnewWhileAnUploadOfItSettles() async throws {
        let gate = try gate()
        let drop = try await send("a", "data", gate.intake.beginSession(of: "acme"), gate)
        try moveAway(gate.directory)
        clock.pass(.seconds(6))
        try await isWaitedFor(drop, gate)
        await gate.intake.close()
    }

    @Test func anAccountsDirectoryIsNotMadeAnewByAStartEither() async throws {
        let directory = try TemporaryDirectory("away")
        let drop: String
        do {
            let gate = try gate(directory)
            drop = try await send("a", "data", gate.intake.beginSession(of: "acme"), gate)
            await gate.intake.close()
        }
        try moveAway(directory)
        clock.pass(.seconds(6))
        let gate = try gate(directory)
        try await isWaitedFor(drop, gate)
        await gate.intake.close()
    }

    /// An account's own, or all of staging with the word of a person that it is lost (`StagingMark`).
    @Test(arguments: [account, ""])
    func whatLayInADirectoryThatIsLostForGoodIsLost(place: String) async throws {
        let directory = try TemporaryDirectory("lost")
        let drop: String
        do {
            let gate = try gate(directory)
            drop = try await send("a", "data", gate.intake.beginSession(of: "acme"), gate)
            await gate.intake.close()
        }
        let path = directory.file("staging/" + place)
        try FileManager.default.removeItem(atPath: path)
        if place.isEmpty {
            try Data().write(to: URL(filePath: directory.file("staging-id")))
        } else {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        }
        clock.pass(.seconds(6))
        let gate = try gate(directory)
        await release([drop], gate)
        #expect(try record(drop, gate)?.state == .lost)
        _ = try gate.intake.beginSession(of: "acme")
        await gate.intake.close()
    }

    @Test func whatWasTakenBackWhenItsDirectoryWasMovedAwayIsReleasedAgainOnceThatIsBack() async throws {
        let directory = try TemporaryDirectory("away")
        let drop = try await claimed(directory)
        try moveAway(directory)
        let gate = try gate(directory, settle: .zero)
        try FileManager.default.moveItem(
            atPath: directory.file("away"), toPath: directory.file("staging/" + Self.account))
        let session = try gate.intake.beginSession(of: "acme")
        #expect(gate.contents("sftp/acme/a") == "data")
        #expect(try size("a", session, gate) == 4 && record(drop, gate)?.state == .released)
        await gate.intake.close()
    }
}
