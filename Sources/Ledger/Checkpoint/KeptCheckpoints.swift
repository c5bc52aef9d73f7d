// What somebody has kept of a ledger's checkpoints: those that can be read, and the places of what cannot. Pure.

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

    mutating func add(_ piece: SignedNote.Piece, in file: String) {
        if let checkpoint = piece.checkpoint {
            checkpoints.append(checkpoint)
        } else {
            damage.append(Damage(place: "\(file), line \(piece.line)", text: piece.text))
        }
    }
}

extension SignedNote.Piece {
    /// nil when it is not one whole checkpoint.
    var checkpoint: SignedCheckpoint? { note.flatMap(SignedCheckpoint.init) }
}
