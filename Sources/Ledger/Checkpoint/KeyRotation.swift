// The change from one signing key to the next: a note signed under both, kept in an entry of the ledger. Pure.
import Admission
import JSON

/// Says that `new` follows `old`.
package struct KeyRotation: Sendable, Hashable {
    package let old: NoteVerifier
    package let new: NoteVerifier
    package let note: SignedNote

    private static let title = "dropgate key rotation"

    package init(from old: NoteSigner, to new: NoteSigner) throws {
        self.old = old.verifier
        self.new = new.verifier
        var note = SignedNote(
            text: "\(Self.title)\n\(old.verifier.description)\n\(new.verifier.description)\n")
        try note.sign(old)
        try note.sign(new)
        self.note = note
    }

    /// nil unless both keys signed.
    package init?(parsing text: String) {
        guard let note = SignedNote(parsing: text) else { return nil }
        let lines = note.text.split(separator: "\n").map(String.init)
        guard lines.count == 3, lines[0] == Self.title, let old = NoteVerifier(lines[1]),
            let new = NoteVerifier(lines[2]),
            note.isSigned(by: old), note.isSigned(by: new)
        else { return nil }
        self.old = old
        self.new = new
        self.note = note
    }

    /// nil unless an entry tells of one, under both signatures.
    init?(of entry: JSONValue) {
        guard let text = entry["detail"]?[Self.member]?.string else { return nil }
        self.init(parsing: text)
    }

    /// The member of an entry's `detail` that holds the note.
    package static let member = "key_rotation"

    /// The entry of this rotation.
    package var attempt: Attempt {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .changed)
        attempt.detail[Self.member] = .string(note.description)
        return attempt
    }

    /// All keys that hang together with `trusted` by rotations.
    package static func keys(from trusted: Set<NoteVerifier>, by rotations: [KeyRotation]) -> Set<
        NoteVerifier
    > {
        var keys = trusted
        var isGrowing = true
        while isGrowing {
            isGrowing = false
            for rotation in rotations where keys.contains(rotation.old) != keys.contains(rotation.new) {
                keys.formUnion([rotation.old, rotation.new])
                isGrowing = true
            }
        }
        return keys
    }
}
