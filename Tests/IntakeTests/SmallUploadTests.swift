// A small upload is in the ledger alone until it is released. Whatever crashes in between, its consumer gets it whole and once.
import Admission
import Foundation
import Ledger
import Staging
import Support
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct SmallUploadTests: SenderTests {
    let clock = TestClock()

    private let text = "patient"

    private func send(_ gate: Gate) async throws -> String {
        let session = try gate.intake.beginSession(of: "acme")
        return try await LargeAndSmall.$isSmall.withValue(true) {
            try await send("a.hl7", text, session, gate)
        }
    }

    /// A gate that ended, by a crash or not, with a small upload that settles.
    private func ended() async throws -> (directory: TemporaryDirectory, drop: String) {
        let gate = try gate()
        let drop = try await send(gate)
        await gate.intake.close()
        return (gate.directory, drop)
    }

    private func write(_ text: String, _ path: String, _ directory: TemporaryDirectory) throws {
        let url = URL(filePath: directory.file("staging/\(path)"))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func incoming(_ gate: Gate) -> [String] {
        gate.directory.files(under: "staging/incoming/sftp/acme")
    }

    private func check(_ gate: Gate, _ drop: String) throws {
        #expect(gate.ready() == ["sftp/acme/a.hl7"] && gate.contents("sftp/acme/a.hl7") == text)
        #expect(incoming(gate).isEmpty)
        let record = try #require(try record(drop, gate))
        #expect(record.state == .released)
        #expect(try gate.intake.store.body(seq: record.seq) == nil)
        #expect(try gate.intake.staging.ready.receipt(drop)?.file == "ready/sftp/acme/a.hl7")
    }

    @Test func noFileIsMadeOfItUntilItIsReleased() async throws {
        let gate = try gate()
        let drop = try await send(gate)
        #expect(incoming(gate).isEmpty)
        let session = try gate.intake.beginSession(of: "acme")
        #expect(try size("a.hl7", session, gate) == 7)
        clock.pass(.seconds(6))
        await release([drop], gate)
        try check(gate, drop)
    }

    @Test func withoutATimeToSettleItIsReleasedAtOnce() async throws {
        let gate = try gate(settle: .zero)
        let drop = try await send(gate)
        await gate.intake.waitUntilStaged()
        try check(gate, drop)
    }

    @Test func itIsReleasedAfterARestart() async throws {
        let (directory, drop) = try await ended()
        clock.pass(.seconds(6))
        let gate = try gate(directory)
        try check(gate, drop)
    }

    @Test func oneThatSettlesOnAfterARestartIsStillThere() async throws {
        let (directory, drop) = try await ended()
        let gate = try gate(directory)
        #expect(try size("a.hl7", gate.intake.beginSession(of: "acme"), gate) == 7)
        clock.pass(.seconds(6))
        await release([drop], gate)
        try check(gate, drop)
    }

    @Test func aHalfThatACrashLeftIsWrittenAnew() async throws {
        let (directory, drop) = try await ended()
        try write("pat", "incoming/sftp/acme/small/\(drop)", directory)
        clock.pass(.seconds(6))
        let gate = try gate(directory)
        try check(gate, drop)
    }

    @Test func aDirectoryInTheWayOfItsReceiptIsNamedAndGoesOnceItIsEmpty() async throws {
        let (directory, drop) = try await ended()
        let place = "incoming/sftp/\(drop).new"
        try write("", place + "/x", directory)
        clock.pass(.seconds(6))
        let gate = try gate(directory)
        let problem = try #require(gate.intake.health.problems["release"])
        #expect(problem.contains("\(place) is a directory") && problem.contains("move it away"), "\(problem)")
        #expect(gate.ready().isEmpty && gate.directory.files(under: "staging/\(place)") == ["x"])
        try FileManager.default.removeItem(atPath: directory.file("staging/\(place)/x"))
        await release([drop], gate)
        try check(gate, drop)
        #expect(gate.intake.health.problems["release"] == nil)
    }

    @Test func whereSomebodyRemovedTheReceiptsItIsReleasedWithANewOne() async throws {
        let gate = try gate()
        let drop = try await send(gate)
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/receipts"))
        clock.pass(.seconds(6))
        await release([drop], gate)
        try check(gate, drop)
        #expect(gate.intake.health.problems["release"] == nil)
    }

    /// The mark of its release did not reach the ledger.
    @Test(arguments: [true, false])
    func oneThatWasReleasedBeforeACrashIsNotReleasedAgain(isTaken: Bool) async throws {
        let (directory, drop) = try await ended()
        clock.pass(.seconds(6))
        // As it was before.
        let files = ["ledger.sqlite", "ledger.sqlite-wal"].map { URL(filePath: directory.file($0)) }
        let before = files.map { try? Data(contentsOf: $0) }
        do {
            let gate = try gate(directory)
            try check(gate, drop)
            await gate.intake.close()
        }
        try? FileManager.default.removeItem(atPath: directory.file("ledger.sqlite-shm"))
        for (file, data) in zip(files, before) {
            try? FileManager.default.removeItem(at: file)
            try data?.write(to: file)
        }
        if isTaken {
            try FileManager.default.removeItem(atPath: directory.file("staging/ready/sftp/acme/a.hl7"))
        }
        let gate = try gate(directory)
        #expect(gate.ready() == (isTaken ? [] : ["sftp/acme/a.hl7"]))
        #expect(incoming(gate).isEmpty)
        #expect(try record(drop, gate)?.state == .released)
    }

    @Test func oneThatLiesInItsPlaceWithoutAReceiptGetsOne() async throws {
        let (directory, drop) = try await ended()
        try write(text, "ready/sftp/acme/a.hl7", directory)
        clock.pass(.seconds(6))
        let gate = try gate(directory)
        try check(gate, drop)
    }

    /// Somebody cleared `incoming/` between the writing and the release, say.
    @Test func aFileThatIsGoneBeforeItsReleaseIsWrittenAgain() async throws {
        let gate = try gate()
        let drop = try await send(gate)
        let box = try gate.intake.box(of: "acme")
        try await gate.intake.writeFiles(of: [drop], in: box)
        #expect(incoming(gate) == ["small/\(drop)"])
        try FileManager.default.removeItem(
            atPath: gate.directory.file("staging/incoming/sftp/acme/small/\(drop)"))
        clock.pass(.seconds(6))
        await release([drop], gate)
        #expect(gate.intake.health.problems["lost"] == nil)
        #expect(try record(drop, gate)?.state == .pending)
        await release([drop], gate)
        try check(gate, drop)
    }

    @Test func aWithdrawnOneIsInQuarantineWholeAlsoAfterARestart() async throws {
        let (directory, drop) = try await ended()
        let gate = try gate(directory)
        let session = try gate.intake.beginSession(of: "acme")
        try await remove("a.hl7", session, gate)
        #expect(quarantined(gate).sorted() == ["\(drop)/a.hl7", "\(drop)/receipt.json"])
        let bytes = try Data(
            contentsOf: URL(
                filePath: gate.directory.file("staging/quarantine/sftp/acme/\(drop)/a.hl7")))
        #expect(bytes == Data(text.utf8) && incoming(gate).isEmpty)
    }

    @Test func aWithdrawalThatCannotMakeAFileOfItLeavesEverythingAsItIs() async throws {
        let gate = try gate()
        let drop = try await send(gate)
        let session = try gate.intake.beginSession(of: "acme")
        let small = gate.directory.file("staging/incoming/sftp/acme/small")
        try Data().write(to: URL(filePath: small))
        let refusal = await #expect(throws: SenderError.self) { try await remove("a.hl7", session, gate) }
        #expect(refusal?.kind == .failed && refusal?.message.hasPrefix("/a.hl7: ") == true)
        #expect(try size("a.hl7", session, gate) == 7 && reasons(gate) == ["listed"])
        #expect(try record(drop, gate)?.state == .pending && quarantined(gate).isEmpty)
        try FileManager.default.removeItem(atPath: small)
        clock.pass(.seconds(6))
        await release([drop], gate)
        try check(gate, drop)
    }

    @Test func whatCannotBeWrittenNowIsReleasedLater() async throws {
        let gate = try gate()
        let drop = try await send(gate)
        let small = gate.directory.file("staging/incoming/sftp/acme/small")
        try Data().write(to: URL(filePath: small))
        clock.pass(.seconds(6))
        await release([drop], gate)
        #expect(gate.intake.health.problems["settling"] != nil && gate.ready().isEmpty)
        try FileManager.default.removeItem(atPath: small)
        await release([drop], gate)
        try check(gate, drop)
        #expect(gate.intake.health.problems["settling"] == nil)
    }
}
