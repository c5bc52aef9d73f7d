// Signed notes, checkpoints and key rotations: their formats, and what is refused.
import Admission
import Ledger
import Support
import Testing

@Suite struct CheckpointTests {
    private let key: NoteSigner

    init() throws { key = try NoteSigner(name: "gate-1/dropgate") }

    private var checkpoint: Checkpoint {
        Checkpoint(
            origin: "gate-1/dropgate", size: 42, root: .leaf([]), previous: 40,
            time: Instant(microseconds: 1_795_421_730_123_456))
    }

    /// The example of Go's package golang.org/x/mod/sumdb/note.
    @Test func aNoteOfGosPackageIsRead() throws {
        let verifier = try #require(
            NoteVerifier("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"))
        let signer = try #require(
            NoteSigner("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"))
        let text = """
            If you think cryptography is the answer to your problem,
            then you don't know what your problem is.

            \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=

            """
        let note = try #require(SignedNote(parsing: text))
        #expect(note.isSigned(by: verifier))
        #expect(signer.verifier == verifier)
        #expect(note.description == text)
    }

    @Test func keysSurviveTheirTexts() throws {
        #expect(NoteVerifier(key.verifier.description) == key.verifier)
        #expect(NoteSigner(key.secretText)?.verifier == key.verifier)
        let altered = key.verifier.description.replacing("gate-1", with: "gate-2")
        #expect(NoteVerifier(altered) == nil, "the key id covers the name")
    }

    @Test func aCheckpointSurvivesItsNote() throws {
        let signed = try SignedCheckpoint(checkpoint, key)
        let note = try #require(SignedNote(parsing: signed.note.description))
        let read = try #require(SignedCheckpoint(note))
        #expect(read.checkpoint == checkpoint)
        #expect(read.note.isSigned(by: key.verifier))
        #expect(try !read.note.isSigned(by: NoteSigner(name: "gate-1/dropgate").verifier))
        #expect(checkpoint.text.split(separator: "\n").prefix(3).last?.count == 44)
    }

    @Test(arguments: [
        ("42\n", "42 \n"), ("42\n", "042\n"), ("42\n", "-1\n"), ("previous=40", "previous=+40"),
        ("dropgate ", "other "), ("time=", "when="), ("gate-1/dropgate\n", "gate 1\n"),
    ])
    func aMalformedCheckpointIsRefused(from: String, to: String) {
        #expect(Checkpoint(text: checkpoint.text) == checkpoint)
        #expect(Checkpoint(text: checkpoint.text.replacing(from, with: to)) == nil)
    }

    @Test func aChangedTextHasNoValidSignature() throws {
        let note = try SignedCheckpoint(checkpoint, key).note.description
        let changed = try #require(SignedNote(parsing: note.replacing("\n42\n", with: "\n43\n")))
        #expect(!changed.isSigned(by: key.verifier))
    }

    @Test func notesInAFileAreReadOneByOneAndATornLastOneIsNone() throws {
        var second = checkpoint
        second.size = 43
        let notes = try [checkpoint, second].map { try SignedCheckpoint($0, key).note }
        let file = notes.map { $0.description + "\n" }.joined()
        #expect(SignedNote.pieces(file).map(\.note) == notes)
        #expect(SignedNote.pieces(String(file.dropLast(1))).map(\.note) == notes)
        #expect(SignedNote.pieces(String(file.dropLast(10))).map(\.note) == [notes[0], nil])
        #expect(SignedNote.pieces("").isEmpty)
    }

    @Test func aRotationHoldsOnlyUnderBothKeys() throws {
        let next = try NoteSigner(name: "gate-1/dropgate")
        let rotation = try KeyRotation(from: key, to: next)
        let read = try #require(KeyRotation(parsing: rotation.note.description))
        #expect(read == rotation)
        var half = rotation.note
        half.signatures.removeLast()
        #expect(KeyRotation(parsing: half.description) == nil)
        #expect(KeyRotation.keys(from: [next.verifier], by: [rotation]) == [key.verifier, next.verifier])
        let stranger = try NoteSigner(name: "x").verifier
        #expect(KeyRotation.keys(from: [stranger], by: [rotation]) == [stranger])
    }
}
