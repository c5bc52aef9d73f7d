// Files of checkpoints: what counts as kept, pieces that are found while a file is read, and what of a long file is left to look at.
import Admission
import Foundation
import Support
import Synchronization
import Testing

@testable import Ledger

/// A disk whose syncs fail when told, and that counts them.
private final class Disk: Sendable {
    private let state = Mutex<(fails: Bool, syncs: Int)>((false, 0))

    var fails: Bool {
        get { state.withLock(\.fails) }
        set { state.withLock { $0.fails = newValue } }
    }

    var syncs: Int { state.withLock(\.syncs) }

    func sync(_ descriptor: Int32) -> Int32 {
        let fails = state.withLock { state in
            state.syncs += 1
            return state.fails
        }
        guard fails else { return fsync(descriptor) }
        errno = EIO
        return -1
    }
}

@Suite struct CheckpointFileTests {
    private let directory: TemporaryDirectory
    private let key: NoteSigner
    private let ledger: LedgerHandle
    private var path: String { directory.file("kept.notes") }

    init() throws {
        directory = try TemporaryDirectory("notes")
        key = try NoteSigner(name: "t/dropgate")
        ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
    }

    private func checkpoint(
        _ size: Int64, root: MerkleHash = .leaf([1]), at second: Int64 = 0, by key: NoteSigner? = nil
    ) throws -> SignedCheckpoint {
        try SignedCheckpoint(
            Checkpoint(
                origin: "t/dropgate", size: size, root: root, previous: nil,
                time: Instant(microseconds: 1_795_421_730_000_000 + second * 1_000_000)), key ?? self.key)
    }

    private func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    // MARK: Writing

    @Test func whatASyncThatFailedMayHaveLostIsWrittenAgain() async throws {
        let disk = Disk()
        let file = CheckpointFile(file: path, sync: { disk.sync($0) })
        try await file.keep(checkpoint(1))
        let before = try text()
        disk.fails = true
        let next = try checkpoint(2)
        await #expect(throws: LedgerError.self) { try await file.keep(next) }
        #expect(try text() == before, "the next try would find it, and take it for kept")
        disk.fails = false
        let syncs = disk.syncs
        try await file.keep(next)
        #expect(disk.syncs == syncs + 1)
        #expect(try text() == before + next.note.description + "\n")
    }

    @Test func whatAnotherProcessLeftUnsyncedIsSyncedAndNotWrittenTwice() async throws {
        let disk = Disk()
        let signed = try checkpoint(1)
        try Data((signed.note.description + "\n").utf8).write(to: URL(fileURLWithPath: path))
        let before = try text()
        try await CheckpointFile(file: path, sync: { disk.sync($0) }).keep(signed)
        #expect(disk.syncs == 1)
        #expect(try text() == before)
    }

    @Test func whatCouldNotBeSyncedIsWrittenOnceMore() async throws {
        let disk = Disk()
        let signed = try checkpoint(1)
        let note = signed.note.description + "\n"
        try Data(note.utf8).write(to: URL(fileURLWithPath: path))
        let file = CheckpointFile(file: path, sync: { disk.sync($0) })
        disk.fails = true
        await #expect(throws: LedgerError.self) { try await file.keep(signed) }
        #expect(try text() == note)
        disk.fails = false
        try await file.keep(signed)
        #expect(try text() == note + note, "a sync that follows says that all is well, and may be wrong")
        try await file.keep(signed)
        #expect(try text() == note + note)
    }

    @Test(arguments: ["a directory", "a named pipe"])
    func inWhatIsNoFileNothingIsKeptAndNobodyWaitsForIt(kind: String) async throws {
        try #require((kind == "a directory" ? mkdir(path, 0o700) : mkfifo(path, 0o600)) == 0)
        let file = CheckpointFile(file: path)
        let kept = await #expect(throws: LedgerError.self) { try await file.keep(checkpoint(1)) }
        let asked = await #expect(throws: LedgerError.self) { try await file.newest() }
        #expect(kept?.code == .unwritable && asked?.code == .unreadable)
        for error in [kept, asked] {
            #expect(error?.message.hasPrefix("\(path) is \(kind), and has to be a file") == true)
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may write everything"))
    func whatIsClosedToItsOwnerIsToBeOpenedAndNothingBeside() async throws {
        try Data().write(to: URL(fileURLWithPath: path))
        try #require(chmod(path, 0o400) == 0)
        let one = await #expect(throws: LedgerError.self) {
            try await CheckpointFile(file: path).keep(checkpoint(1))
        }
        #expect(one?.code == .unwritable && one?.fix == "chmod u+rwX \(path)")
        let months = directory.file("months")
        try #require(mkdir(months, 0o500) == 0)
        let all = await #expect(throws: LedgerError.self) {
            try await CheckpointFile(directory: months).keep(checkpoint(1))
        }
        #expect(all?.code == .unwritable && all?.fix == "chmod -R u+rwX \(months)")
    }

    // MARK: Finding

    @Test func aPlaceIsEmptyWhereNothingStandsInItNotEvenDamage() throws {
        let file = CheckpointFile(file: path)
        #expect(try file.isEmpty(), "it is not there")
        let note = try checkpoint(1).note.description
        for (text, isEmpty) in [("", true), ("\n\n", true), ("x", false), (note, false)] {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            #expect(try file.isEmpty() == isEmpty && file.all().isEmpty == isEmpty, "\(text)")
        }
    }

    @Test(arguments: [1, 2, 3, 7, 100, 1 << 20])
    func piecesAreTheSameHoweverAFileIsRead(step: Int) throws {
        let notes = try (1...4 as ClosedRange<Int64>).map { try checkpoint($0).note.description }
        let lines = notes[3].split(separator: "\n", omittingEmptySubsequences: false)
        let signature = lines[lines.count - 2]
        let (cut, unended) = (notes[1].dropLast(9), notes[1].dropLast())
        let files: [String] = [
            notes.joined(), notes.joined(separator: "\n"), notes.joined(separator: "\r\n\r\n"),
            "words\n\n\(notes[0])\n\n\n\(cut)\n\n\(notes[2])",
            "\n\n\(signature)\n\(notes[0])\(unended)", "\n\n", "", "x", "\(signature)",
        ]
        for file in files {
            let bytes = Array(file.utf8)
            var scanner = NoteScanner()
            var found: [SignedNote.Piece] = []
            for start in stride(from: 0, to: bytes.count, by: step) {
                let piece = Array(bytes[start..<min(start + step, bytes.count)])
                found += scanner.take(piece).map(\.piece)
            }
            found += scanner.end().map(\.piece)
            #expect(found == SignedNote.pieces(file), "\(file)")
        }
    }

    @Test func aLineWithoutAnEndDoesNotFillTheMemory() {
        var scanner = NoteScanner()
        let piece = [UInt8](repeating: 0x61, count: 1 << 18)
        var found: [FoundPiece] = []
        for _ in 0..<40 { found += scanner.take(piece) }
        #expect(found.isEmpty)
        found += scanner.end()
        #expect(found.map(\.bytes.count) == [SignedNote.longest + 1])
        #expect(found.first?.piece.note == nil)
    }

    // MARK: What is left to look at

    /// A ledger of five entries, each under a checkpoint.
    private func grow() throws -> [SignedCheckpoint] {
        let store = try ledger.open(node: "t")
        let call = Attempt(kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
        return try (1...5 as ClosedRange<Int64>).compactMap { second -> SignedCheckpoint? in
            let outcomes = try store.commit(
                [.append(call, drop: nil), .checkpoint(key)],
                now: Instant(microseconds: 1_795_421_730_000_000 + second * 1_000_000))
            guard case .checkpointed(let signed?) = outcomes.last else { return nil }
            return signed
        }
    }

    private func rest(_ notes: [String], trusted: Set<NoteVerifier>? = nil) throws -> KeptCheckpoints {
        try Data(notes.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path))
        var sieve = try ledger.sieve(trusted: trusted ?? [key.verifier])
        try CheckpointFile(file: path).all(through: &sieve)
        return sieve.rest
    }

    @Test func ofWhatTheLedgerHasTheNewestIsLeft() throws {
        let own = try grow()
        #expect(try rest(own.map(\.note.description)).checkpoints == [own[4]])
        #expect(try rest([]).isEmpty)
        // As an idle gate signs its head again.
        let later = try own.map { try checkpoint($0.checkpoint.size, root: $0.checkpoint.root, at: 999) }
        #expect(try rest(later.map(\.note.description)).checkpoints == [later[4]])
    }

    /// A verification that begins with the first key finds the others as it goes.
    @Test func ofAKeyThatIsNotKnownYetTheNewestIsLeft() throws {
        let own = try grow()
        let later = try own.map { try checkpoint($0.checkpoint.size, root: $0.checkpoint.root, at: 999) }
        let stranger = try NoteSigner(name: "t/dropgate").verifier
        let found = try rest(later.map(\.note.description), trusted: [stranger])
        #expect(found.checkpoints == [later[4]] && found.damage.isEmpty)
    }

    @Test func whatTheLedgerHasNotOrHasOtherwiseIsAllLeft() throws {
        let own = try grow()
        let notes = own.map(\.note.description)
        let forked = try checkpoint(3)
        let stranger = try NoteSigner(name: "t/dropgate")
        let forged = try checkpoint(2, root: own[1].checkpoint.root, by: stranger)
        let altered = notes[1].replacing("/dropgate\n2\n", with: "/dropgate\n2 \n")
        let found = try rest(notes + [forked.note.description, forged.note.description, altered])
        #expect(found.checkpoints == [forked, forged, own[4]])
        #expect(found.damage.map(\.text) == [String(altered.dropLast())])
        #expect(found.damage.first?.place.hasPrefix("\(path), line ") == true)
    }

    @Test func theNewestIsLeftAlsoWhereTheFilesBeforeItCannotBeRead() async throws {
        _ = try grow()
        let months = directory.file("months")
        // A directory can be opened, and not be read.
        try FileManager.default.createDirectory(
            atPath: months + "/2026-10.notes", withIntermediateDirectories: true)
        let newest = try checkpoint(9)
        try Data(newest.note.description.utf8).write(to: URL(fileURLWithPath: months + "/2026-11.notes"))
        var sieve = try ledger.sieve(trusted: [key.verifier])
        do {
            try await CheckpointFile(directory: months).kept(through: &sieve, patience: .seconds(30))
            Issue.record("it was read to its end")
        } catch is LedgerError {}
        #expect(sieve.rest.checkpoints == [newest] && sieve.rest.damage.isEmpty)
    }

    @Test func ofThousandsThatTheLedgerHasLostTheLargestIsLeft() throws {
        let own = try grow()
        let lost = try (6...2000 as ClosedRange<Int64>).map { try checkpoint($0) }
        let found = try rest((own + lost).map(\.note.description))
        #expect(found.checkpoints == [own[4], lost[lost.count - 1]])
    }
}
