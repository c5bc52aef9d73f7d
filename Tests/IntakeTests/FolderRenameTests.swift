// A directory's rename that stops halfway: nothing is lost or there twice, and its sender can go on with it.
import Admission
import Ledger
import LedgerSupport
import Staging
import Support
import Synchronization
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1)), .largeAndSmall) struct FolderRenameTests: SenderTests {
    let clock = TestClock()

    /// A session that may nothing at the second file of its first RENAME.
    private func sessionRefusedAtTheSecondFile(
        _ gate: Gate, _ atThatMoment: @escaping @Sendable () -> (reason: Reason, message: String)?
    ) throws -> SenderSession {
        let asked = Mutex(0)
        return try gate.intake.beginSession(of: "acme") {
            // For the request, the first file, the second one.
            let count = asked.withLock { count in
                count += 1
                return count
            }
            return count == 3 ? atThatMoment() : nil
        }
    }

    /// Sends three files into a directory and one below it, and renames it in part.
    private func renameInPart(
        _ folder: String, _ session: SenderSession, _ gate: Gate
    ) async throws -> (drops: [String], refusal: SenderError) {
        for path in [folder, folder + "/in"] {
            try gate.intake.makeDirectory(#require(DropPath(path)), session)
        }
        var drops: [String] = []
        for name in ["1", "22", "in/333"] {
            drops.append(try await send("\(folder)/\(name)", name, session, gate))
        }
        let refusal = await #expect(throws: SenderError.self) {
            try await rename(folder, "e", session, gate)
        }
        #expect(try size("e/1", session, gate) == 1 && size("\(folder)/22", session, gate) == 2)
        return try (drops, #require(refusal))
    }

    @Test func aDirectoryWhoseRenameStoppedHalfwayIsRenamedByTheSameRequest() async throws {
        let gate = try gate()
        let session = try sessionRefusedAtTheSecondFile(gate) {
            (.accountDisabled, "the account is disabled")
        }
        let (drops, refusal) = try await renameInPart("d", session, gate)
        #expect(refusal.kind == .denied && refusal.reason == .accountDisabled)
        for words in ["1 of 3 files", "the account is disabled", "send the same RENAME again"] {
            #expect(refusal.message.contains(words), "\(refusal.message)")
        }
        // Another directory does not become part of it.
        let other = await #expect(throws: SenderError.self) { try await rename("d/in", "e", session, gate) }
        #expect(other?.kind == .exists)
        try await rename("d", "e", gate.intake.beginSession(of: "acme"), gate)
        #expect(try size("d", session, gate) == nil && size("e/in", session, gate) == 0)
        #expect(session.box.state.withLock { $0.unfinished.isEmpty })
        #expect(try session.box.files.directories().map(\.path.text) == ["", "e", "e/in"])
        clock.pass(.seconds(61))
        await release(drops, gate)
        #expect(gate.ready().sorted() == ["sftp/acme/e/1", "sftp/acme/e/22", "sftp/acme/e/in/333"])
        #expect(try reasons(gate).filter { $0 == "renamed" }.count == 3)
    }

    /// Of files that settle, and of those that are accepted by the change.
    @Test(arguments: ["d", "tmp"])
    func aDirectoryWhoseRenameTheLedgerStoppedIsRenamedByTheSameRequest(_ folder: String) async throws {
        let disk = FailingDisk()
        let gate = try gate(disk: disk)
        let session = try sessionRefusedAtTheSecondFile(gate) {
            disk.fails = true
            return nil
        }
        let (drops, refusal) = try await renameInPart(folder, session, gate)
        disk.fails = false
        #expect(refusal.reason == .ledgerFailed && refusal.message.contains("1 of 3 files"))
        #expect(!refusal.message.contains("nothing was"), "\(refusal.message)")
        try await rename(folder, "e", session, gate)
        clock.pass(.seconds(61))
        await release(drops, gate)
        #expect(gate.ready().sorted() == ["sftp/acme/e/1", "sftp/acme/e/22", "sftp/acme/e/in/333"])
        #expect(gate.contents("sftp/acme/e/in/333") == "in/333" && quarantined(gate).isEmpty)
    }

    @Test func whoTakesADirectoryAwayEndsTheRenameThatStoppedHalfway() async throws {
        let gate = try gate()
        let session = try sessionRefusedAtTheSecondFile(gate) {
            (.accountDisabled, "the account is disabled")
        }
        _ = try await renameInPart("d", session, gate)
        try await rename("e", "f", session, gate)
        try gate.intake.makeDirectory(#require(DropPath("e")), session)
        let refusal = await #expect(throws: SenderError.self) { try await rename("d", "e", session, gate) }
        #expect(refusal?.kind == .exists)
        try await rename("d", "g", session, gate)
        #expect(try size("f/1", session, gate) == 1 && size("g/in/333", session, gate) == 6)
    }

    @Test(arguments: ["d", "tmp"])
    func afterARestartARenameThatStoppedHalfwayIsFinishedFileByFile(_ folder: String) async throws {
        let directory = try TemporaryDirectory("settle")
        var drops: [String] = []
        do {
            let gate = try gate(directory)
            let session = try sessionRefusedAtTheSecondFile(gate) {
                (.accountDisabled, "the account is disabled")
            }
            drops = try await renameInPart(folder, session, gate).drops
        }
        let gate = try restarted(directory)
        let session = try gate.intake.beginSession(of: "acme")
        #expect(try size("e/1", session, gate) == 1 && size("\(folder)/22", session, gate) == 2)
        for name in ["22", "in/333"] { try await rename("\(folder)/\(name)", "e/\(name)", session, gate) }
        for path in [folder + "/in", folder] {
            try await gate.intake.removeDirectory(#require(DropPath(path)), session)
        }
        clock.pass(.seconds(61))
        await release(drops, gate)
        #expect(gate.ready().sorted() == ["sftp/acme/e/1", "sftp/acme/e/22", "sftp/acme/e/in/333"])
    }

    @Test func aDirectoryOfWhatWouldBeAcceptedIsNotRenamedWhereThereIsNoRoom() async throws {
        let directory = try TemporaryDirectory("settle")
        do {
            let gate = try gate(directory)
            let session = try gate.intake.beginSession(of: "acme")
            try gate.intake.makeDirectory(#require(DropPath("tmp")), session)
            for name in ["tmp/1", "tmp/2"] { try await send(name, name, session, gate) }
            await gate.intake.close()
        }
        let gate = try gate(directory) { $0.reserveBytes = .max }
        let session = try gate.intake.beginSession(of: "acme")
        let refusal = await #expect(throws: SenderError.self) { try await rename("tmp", "e", session, gate) }
        #expect(refusal?.reason == .stagingFull)
        #expect(try size("tmp/1", session, gate) == 5 && size("e", session, gate) == nil)
    }
}
