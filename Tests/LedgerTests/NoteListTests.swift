// Files of several notes, as people and programs make them.
import Foundation
import Ledger
import Testing

@Suite struct NoteListTests {
    private static func notes(_ count: Int) throws -> [String] {
        let key = try NoteSigner(name: "t")
        return try (0..<count).map { number in
            var note = SignedNote(text: "t\n\(number)\nroot\n")
            try note.sign(key)
            return note.description
        }
    }

    /// nil stands for a piece that is no whole note.
    private func found(_ file: String) -> [String?] { SignedNote.pieces(file).map(\.note?.description) }

    @Test(arguments: ["", "\n", "\n\n\n"])
    func notesAreFoundWhateverStandsBetween(separator: String) throws {
        let notes = try Self.notes(3)
        let file = notes.joined(separator: separator)
        #expect(found(file) == notes)
        #expect(found(file.replacingOccurrences(of: "\n", with: "\r\n")) == notes)
        #expect(found("\n\n" + file + "\n\n") == notes)
    }

    @Test func whatIsCutAtItsEndIsAPieceOfItsOwnAndTheNextNoteIsWhole() throws {
        let notes = try Self.notes(3)
        #expect(found(notes[0] + "\n\n\n" + notes[2]) == [notes[0], notes[2]])
        for length in 1..<notes[1].count - 1 {
            let pieces = found(notes[0] + "\n" + notes[1].prefix(length) + "\n\n" + notes[2])
            #expect(
                pieces.first == notes[0] && pieces.last == notes[2] && pieces.count == 3
                    && pieces[1] != notes[1],
                "cut after \(length)")
        }
        #expect(found(String(notes[0].dropLast())) == [nil], "the last line may be cut")
    }

    @Test func whatIsNoNoteIsTold() throws {
        let notes = try Self.notes(2)
        let lines = notes[1].split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let file = "from alice\n\n" + notes[0] + "\n" + lines.dropLast(3).joined(separator: "\n") + "\n"
        let pieces = SignedNote.pieces(file)
        #expect(pieces.map(\.line) == [1, 3, 9])
        #expect(pieces.map(\.note?.description) == [nil, notes[0], nil])
        #expect(pieces[2].text == "t\n1\nroot")
        // Signatures without their text.
        #expect(found("\n" + lines.suffix(2).joined(separator: "\n")) == [nil])
    }

    @Test func eachCharacterOfANoteThatIsAlteredEndsItsSignature() throws {
        let key = try NoteSigner(name: "t")
        var note = SignedNote(text: "t\n7\nroot\n")
        try note.sign(key)
        let text = Array(note.description)
        for index in text.indices.dropLast() {
            for other in ["A", "\n", "=", " "] as [Character] where text[index] != other {
                var altered = text
                altered[index] = other
                let pieces = SignedNote.pieces(String(altered))
                let isGood = pieces.allSatisfy { $0.note?.isSigned(by: key.verifier) == true }
                #expect(!isGood, "\(String(altered))")
            }
        }
    }
}
