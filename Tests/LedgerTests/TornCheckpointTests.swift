// What a crash can leave of a checkpoint's note, and what only somebody's change can.
import Admission
import Foundation
import Ledger
import Support
import Testing

@Suite struct TornCheckpointTests {
    private let key: NoteSigner
    private let time = Instant(microseconds: 1_795_421_730_000_000)
    private let stored: SignedCheckpoint
    private let note: [UInt8]

    init() throws {
        key = try NoteSigner(name: "t/dropgate")
        stored = try Self.sign(key, at: time)
        note = Array(stored.note.description.utf8)
    }

    private static func sign(_ key: NoteSigner, at time: Instant) throws -> SignedCheckpoint {
        let checkpoint = Checkpoint(
            origin: "t/dropgate", size: 300, root: .leaf([1]), previous: 200, time: time)
        return try SignedCheckpoint(checkpoint, key)
    }

    private func mayHaveBegun(_ bytes: some Collection<UInt8>) -> Bool {
        stored.mayHaveBegun(as: String(decoding: bytes, as: UTF8.self))
    }

    @Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
    func aPlaceThatMayNotBeWrittenIsNamedWithWhatMendsIt() async throws {
        let directory = try TemporaryDirectory("checkpoints")
        let place = directory.file("checkpoints")
        try FileManager.default.createDirectory(
            atPath: place, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o500])
        let file = CheckpointFile(directory: place)
        let error = await #expect(throws: LedgerError.self) { try await file.append(stored) }
        #expect(error?.message.contains("checkpoints cannot be kept in \(place)") == true)
        #expect(error?.fix == "chmod -R u+rwX \(place)")
    }

    /// Wherever it was cut, within a character, too.
    @Test func everyBeginningMayBeLeft() {
        for length in 1..<note.count { #expect(mayHaveBegun(note.prefix(length)), "\(length)") }
        #expect(!mayHaveBegun(note.prefix(0)) && !mayHaveBegun(note))
    }

    @Test func soMayOneThatWasSignedAtAnotherTime() throws {
        let again = try Self.sign(key, at: time + .seconds(86_399))
        let bytes = Array(again.note.description.utf8)
        #expect(bytes.count == note.count && bytes != note)
        // A whole signature is held against the text that is there.
        for length in 1..<note.count - 1 { #expect(mayHaveBegun(bytes.prefix(length)), "\(length)") }
        #expect(!mayHaveBegun(bytes.dropLast()))
    }

    @Test func noAlteredByteMayButDigitsOfTheTimeAndCharactersOfAnUnfinishedSignature() throws {
        let text = stored.note.text.utf8.count
        let times = (text - 1 - time.description.utf8.count)..<text - 1
        let signature = try #require(note.lastIndex(of: UInt8(ascii: " "))) + 1
        let beginning = note.dropLast(9)
        for index in beginning.indices {
            for byte in "0A!\n".utf8 where byte != beginning[index] {
                var altered = beginning
                altered[index] = byte
                let isDigit =
                    byte == UInt8(ascii: "0")
                    && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(beginning[index])
                let isBase64 = byte == UInt8(ascii: "0") || byte == UInt8(ascii: "A")
                let mayBe = (times.contains(index) && isDigit) || (index >= signature && isBase64)
                #expect(mayHaveBegun(altered) == mayBe, "\(index): \(byte)")
            }
            var shorter = beginning
            shorter.remove(at: index)
            let isSame = beginning.prefix(shorter.count) == shorter
            #expect(mayHaveBegun(shorter) == (isSame || index >= signature), "\(index) is gone")
        }
    }

    @Test(arguments: [
        "", "t/dropgate\n300\n", "t/dropgate\n300\n\n", "t/dropgate\n30", "x", "<html>", "\n", " ",
    ])
    func whatFollowsMustBeOfTheNote(beginning: String) {
        let isBeginning = !beginning.isEmpty && stored.note.description.hasPrefix(beginning)
        #expect(stored.mayHaveBegun(as: beginning) == isBeginning)
        for end in ["\u{FFFD}", "\u{FFFD}\u{FFFD}", "\u{2014}", "\u{2014} t/dropgate AAAA"] {
            #expect(!stored.mayHaveBegun(as: beginning + end), "\(end)")
        }
    }

    @Test func nothingFollowsAWholeNote() {
        for end in ["x", "A", "\n", "\u{FFFD}"] { #expect(!mayHaveBegun(note + Array(end.utf8)), "\(end)") }
    }
}
