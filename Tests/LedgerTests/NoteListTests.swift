// Files of several notes, as people and programs make them.
import Foundation
import Ledger
import Testing

@Suite struct NoteListTests {
    private static func notes(_ count: Int) throws -> [SignedNote] {
        let key = try NoteSigner(name: "t")
        return try (0..<count).map { number in
            var note = SignedNote(text: "t\n\(number)\nroot\n")
            try note.sign(key)
            return note
        }
    }

    @Test(arguments: ["", "\n", "\n\n\n"])
    func notesAreFoundWhateverStandsBetween(separator: String) throws {
        let notes = try Self.notes(3)
        let file = notes.map(\.description).joined(separator: separator)
        #expect(SignedNote.list(file).map(\.description) == notes.map(\.description))
        let mailed = file.replacingOccurrences(of: "\n", with: "\r\n")
        #expect(SignedNote.list(mailed).map(\.description) == notes.map(\.description))
    }

    @Test func whatIsCutAtTheEndIsLeftOutAndTheNextOneIsNot() throws {
        let notes = try Self.notes(3).map(\.description)
        for length in 0..<notes[1].count {
            let file = notes[0] + "\n" + notes[1].prefix(length) + "\n\n" + notes[2]
            let found = SignedNote.list(file).map(\.description)
            #expect(found.first == notes[0] && found.last == notes[2], "cut after \(length)")
        }
        #expect(SignedNote.list(String(notes[0].dropLast())).isEmpty, "the last line may be cut")
    }
}
