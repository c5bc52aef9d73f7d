// A directory's rename that stops halfway: nothing is lost or there twice, and its sender can go on with it.
import Admission
import Ledger
import LedgerSupport
import Staging
import Support
import Synchronization
import TLS
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

    /// Nobody sees it yet, and its CLOSE would find a directory there.
    @Test(arguments: ["e", "e/in"])
    func noDirectoryGetsTheNameOfAFileThatAnotherSessionIsWriting(_ name: String) async throws {
        let gate = try gate()
        let (session, other) = (
            try sessionRefusedAtTheSecondFile(gate) { (.accountDisabled, "no") },
            try gate.intake.beginSession(of: "acme")
        )
        if name == "e" {
            for path in ["d", "d/in"] { try gate.intake.makeDirectory(#require(DropPath(path)), other) }
            try await send("d/1", "1", other, gate)
        } else {
            // A rename that stopped has made the directories. One of them goes, and a file gets its name.
            _ = try await renameInPart("d", session, gate)
            try await gate.intake.removeDirectory(#require(DropPath("e/in")), other)
        }
        let opening = try gate.intake.open(order(name), session)
        let refusal = await #expect(throws: SenderError.self) { try await rename("d", "e", other, gate) }
        #expect(refusal?.kind == .exists)
        #expect(
            refusal?.message.contains("\(name): there is a file of that name") == true, "\(refusal as Any)")
        let upload = FinishedUpload(
            dropID: opening.drop, account: "acme", path: name, bytes: 4,
            sha256: SHA256.hash(data: Array("file".utf8)).hex, modified: nil, content: Array("file".utf8))
        #expect(try await gate.intake.commit(upload, attempt: Gate.transfer).status == .stored)
        #expect(try size(name, other, gate) == 4)
        await gate.intake.close()
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

    // MARK: Many files

    /// A directory with more files than get their names in one turn, and the number of the last one's entry.
    private func large(
        _ folder: String, _ session: SenderSession, _ gate: Gate
    ) async throws -> (drops: [String], last: Int64) {
        try gate.intake.makeDirectory(#require(DropPath(folder)), session)
        var drops: [String] = []
        for number in 0..<Intake.filesOfATurn + 5 {
            drops.append(try await send("\(folder)/\(number)", "1", session, gate))
        }
        let newest = try #require(drops.last)
        return (drops, try #require(try record(newest, gate)?.seq))
    }

    /// These renames come to the lock in this order, and then it is free.
    private func queued(
        _ renames: [(from: String, to: String)], _ session: SenderSession, _ gate: Gate
    ) async throws -> [Task<Int64, any Error>] {
        let intake = gate.intake
        return await queued(
            try renames.map { names in
                let wanted = try order(names.from, names.to)
                return {
                    try await intake.rename(wanted, attempt: Gate.transfer, session)
                    return 0
                }
            }, session)
    }

    /// The changes come to the lock in this order, and then it is free.
    private func queued(
        _ changes: [@Sendable () async throws -> Int64], _ session: SenderSession
    ) async -> [Task<Int64, any Error>] {
        let lock = session.box.lock
        return await lock.with(.exclusive) {
            var tasks: [Task<Int64, any Error>] = []
            for change in changes {
                tasks.append(Task { try await change() })
                while lock.waiters < tasks.count { await Task.yield() }
            }
            return tasks
        }
    }

    /// A RENAME of `d` to `e`, and an upload that comes behind it. Returns the numbers of their entries; of the RENAME none.
    private func queued(
        before upload: FinishedUpload, _ session: SenderSession, _ gate: Gate
    ) async throws -> [Int64] {
        let intake = gate.intake
        let wanted = try order("d", "e")
        let changes: [@Sendable () async throws -> Int64] = [
            {
                try await intake.rename(wanted, attempt: Gate.transfer, session)
                return 0
            },
            { try await intake.commit(upload, attempt: Gate.transfer).seq },
        ]
        var seqs: [Int64] = []
        for task in await queued(changes, session) { seqs.append(try await task.value) }
        return seqs
    }

    private func order(_ from: String, _ to: String) throws -> SenderRename {
        try SenderRename(
            from: #require(DropPath(from)), to: #require(DropPath(to)), replaces: false, open: nil)
    }

    /// Their clients would not wait for all of it.
    @Test(arguments: ["d/in/late", "d/0"])
    func whoWaitsWhileALargeDirectoryIsRenamedHasATurnInBetween(_ path: String) async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let (drops, last) = try await large("d", session, gate)
        // What comes into it meanwhile goes along.
        let upload = try gate.upload(path, "late")
        let accepted = try await queued(before: upload, session, gate)[1]
        #expect(accepted == last + Int64(Intake.filesOfATurn) + 1)
        #expect(try size("d", session, gate) == nil)
        #expect(try [4, path == "d/0" ? 1 : 4].contains(size("e" + path.dropFirst(), session, gate)))
        #expect(session.box.state.withLock { $0.unfinished.isEmpty })
        let folders = try session.box.files.directories().map(\.path.text)
        #expect(folders == (path == "d/0" ? ["", "e"] : ["", "e", "e/in"]))
        clock.pass(.seconds(61))
        await release(drops + [upload.dropID], gate)
        #expect(gate.ready().count == drops.count + 1)
        #expect(gate.ready().allSatisfy { $0.hasPrefix("sftp/acme/e/") })
    }

    /// What is released in a turn could not be renamed with the others.
    @Test func whereNothingReleasedMayBeChangedALargeDirectoryIsRenamedInOneTurn() async throws {
        let gate = try gate { $0.afterRelease = .refuse }
        let session = try gate.intake.beginSession(of: "acme")
        let (drops, last) = try await large("d", session, gate)
        let upload = try gate.upload("late", "late")
        let accepted = try await queued(before: upload, session, gate)[1]
        #expect(accepted == last + Int64(drops.count) + 1)
        #expect(try size("d", session, gate) == nil && size("late", session, gate) == 4)
    }

    /// More others stop halfway in its turn than the gate remembers.
    @Test func aRenameThatIsForgottenWhileOthersHaveTheirTurnGoesOn() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        _ = try await large("d", session, gate)
        let folders = try (0..<7).map { try #require(DropPath("other\($0)")) }
        for folder in folders { try gate.intake.makeDirectory(folder, session) }
        let others = folders.flatMap { from in
            folders.filter { $0 != from }.map { SenderBox.UnfinishedRename(from: from, to: $0, done: 0) }
        }
        let (intake, box, now) = (gate.intake, session.box, clock.now)
        let wanted = try order("d", "e")
        let changes: [@Sendable () async throws -> Int64] = [
            {
                try await intake.rename(wanted, attempt: Gate.transfer, session)
                return 0
            },
            {
                let isForgotten = await box.lock.with(.exclusive) {
                    box.state.withLock { state in
                        for other in others { _ = state.stop(other, at: now) }
                        return state.begun(wanted) == nil
                    }
                }
                #expect(isForgotten)
                return 0
            },
        ]
        for task in await queued(changes, session) { _ = try await task.value }
        #expect(try size("d", session, gate) == nil && size("e/0", session, gate) == 1)
    }

    /// The usual pattern: a temporary name, and then the final one.
    @Test(arguments: ["d/0", "d/last.tmp"])
    func whatGetsAnotherNameInADirectoryThatIsBeingRenamedGoesAlong(_ path: String) async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        var (drops, _) = try await large("d", session, gate)
        if path == "d/last.tmp" { drops.append(try await send(path, "1", session, gate)) }
        let tasks = try await queued([("d", "e"), (path, "d/z")], session, gate)
        _ = try await tasks[0].value
        // It may have been moved before.
        let isRenamed = (try? await tasks[1].value) != nil
        let name = isRenamed ? "e/z" : path.replacing("d/", with: "e/")
        #expect(try size("d", session, gate) == nil && size(name, session, gate) == 1)
        #expect(session.box.state.withLock { $0.unfinished.isEmpty })
        clock.pass(.seconds(61))
        await release(drops, gate)
        let left = isRenamed || path == "d/0" ? drops.count : drops.count - 1
        #expect(gate.ready().count == left && gate.ready().allSatisfy { $0.hasPrefix("sftp/acme/e/") })
    }

    @Test func whoTakesADirectoryAwayInBetweenEndsItsRename() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        _ = try await large("d", session, gate)
        let tasks = try await queued([("d", "e"), ("e", "f")], session, gate)
        let refusal = await #expect(throws: SenderError.self) { _ = try await tasks[0].value }
        let message = try #require(refusal?.message)
        #expect(message.contains("\(Intake.filesOfATurn) of \(Intake.filesOfATurn + 5) files"), "\(message)")
        #expect(message.contains("by another session") && !message.contains("send the same"), "\(message)")
        _ = try await tasks[1].value
        let (f, d) = try (#require(DropPath("f")), #require(DropPath("d")))
        let counts = session.box.state.withLock { state in
            [state.tree.files(inside: f).count, state.tree.files(inside: d).count]
        }
        #expect(counts == [Intake.filesOfATurn, 5])
        #expect(session.box.state.withLock { $0.unfinished.isEmpty })
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
