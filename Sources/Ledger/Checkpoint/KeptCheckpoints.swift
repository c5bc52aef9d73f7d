// What somebody has kept of a ledger's checkpoints: those that can be read, and the places of what cannot. Pure.
import Admission

package struct KeptCheckpoints: Sendable {
    /// What stands where a checkpoint should, and is none: altered, cut, or something else.
    package struct Damage: Sendable, Hashable {
        /// For messages: `FILE, line 7`.
        package var place: String
        package var text: String

        package init(place: String, text: String) {
            self.place = place
            self.text = text
        }
    }

    /// Says nothing of their signatures.
    package private(set) var checkpoints: [SignedCheckpoint]
    package private(set) var damage: [Damage]

    package init(checkpoints: [SignedCheckpoint] = [], damage: [Damage] = []) {
        self.checkpoints = checkpoints
        self.damage = damage
    }

    package var isEmpty: Bool { checkpoints.isEmpty && damage.isEmpty }

    mutating func add(_ checkpoint: SignedCheckpoint) { checkpoints.append(checkpoint) }

    mutating func add(_ other: KeptCheckpoints) {
        checkpoints += other.checkpoints
        damage += other.damage
    }

    mutating func add(_ piece: SignedNote.Piece, in file: String) {
        if let checkpoint = piece.checkpoint {
            checkpoints.append(checkpoint)
        } else {
            damage.append(Damage(place: "\(file), line \(piece.line)", text: piece.text))
        }
    }
}

extension SignedCheckpoint {
    /// Whether a text is a beginning of this checkpoint's note, as it is or as it was signed at another time: digits of the time
    /// and characters of the signature may be others, but of a signature that is there to its end. A cut may have gone through
    /// a character of several bytes.
    package func mayHaveBegun(as text: some StringProtocol) -> Bool {
        let whole = Array(note.description.utf8)
        let isCharacterCut = text.last == "\u{FFFD}"
        let text = Array(text.utf8.dropLast(isCharacterCut ? 3 : 0))
        guard !text.isEmpty, text.count < whole.count, !isCharacterCut || whole[text.count] >= 0x80 else {
            return false
        }
        // Without the end of its last line it is whole for whoever reads it.
        if text.count == whole.count - 1 { return text == whole.dropLast() }
        let textEnd = note.text.utf8.count
        let time = textEnd - 1 - checkpoint.time.description.utf8.count
        let signature = (whole.lastIndex(of: UInt8(ascii: " ")) ?? whole.count) + 1
        return text.indices.allSatisfy { index in
            let (found, stored) = (text[index], whole[index])
            if found == stored { return true }
            if index < textEnd { return index >= time && Self.areDigits(found, stored) }
            return index >= signature && Self.areBase64(found, stored)
        }
    }

    private static func areDigits(_ bytes: UInt8...) -> Bool {
        bytes.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func areBase64(_ bytes: UInt8...) -> Bool {
        bytes.allSatisfy {
            areDigits($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/")
        }
    }
}

extension SignedNote.Piece {
    /// nil when it is not one whole checkpoint.
    var checkpoint: SignedCheckpoint? { note.flatMap(SignedCheckpoint.init) }
}
