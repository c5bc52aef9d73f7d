// A checkpoint of the ledger, C2SP tlog-checkpoint: origin, size, root, and one extension line. Pure.
package import Admission

/// The head of the tree at one size, as signed.
package struct Checkpoint: Sendable, Hashable {
    /// The name of the ledger, and of the key that signs it: `NODE/dropgate`.
    package var origin: String
    /// Entries 0 to size − 1 are in the tree.
    package var size: Int64
    package var root: MerkleHash
    /// The size of the checkpoint before this one, so that none can be dropped unnoticed; nil for the first.
    package var previous: Int64?
    package var time: Instant

    package init(origin: String, size: Int64, root: MerkleHash, previous: Int64?, time: Instant) {
        self.origin = origin
        self.size = size
        self.root = root
        self.previous = previous
        self.time = time
    }

    /// The note's text. tlog-checkpoint allows extension lines, and readers that do not know them skip them.
    package var text: String {
        "\(origin)\n\(size)\n\(root.base64)\ndropgate \(previous.map { "previous=\($0) " } ?? "")time=\(time)\n"
    }

    /// nil unless the text is a checkpoint with our extension line. Of no entries none is ever signed.
    package init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 5, lines.last == "", NoteSigner.isName(lines[0]),
            let size = Self.decimal(lines[1]), size > 0, size <= LedgerLimits.entries,
            let root = MerkleHash(base64: lines[2])
        else { return nil }
        var words = lines[3].split(separator: " ").map(String.init)
        guard words.first == "dropgate" else { return nil }
        words.removeFirst()
        var previous: Int64?
        if let word = words.first, word.hasPrefix("previous=") {
            guard let size = Self.decimal(String(word.dropFirst(9))) else { return nil }
            previous = size
            words.removeFirst()
        }
        guard words.count == 1, words[0].hasPrefix("time="),
            let time = Instant(rfc3339: String(words[0].dropFirst(5)))
        else { return nil }
        self.init(origin: lines[0], size: size, root: root, previous: previous, time: time)
    }

    /// Without leading zeros and sign.
    private static func decimal(_ text: String) -> Int64? {
        guard let number = Int64(text), number >= 0, String(number) == text else { return nil }
        return number
    }

    package static func origin(node: String) -> String { "\(node)/dropgate" }
}

/// A checkpoint with the note that carries it.
package struct SignedCheckpoint: Sendable, Hashable {
    package let checkpoint: Checkpoint
    package let note: SignedNote

    package init(_ checkpoint: Checkpoint, _ key: NoteSigner) throws {
        self.checkpoint = checkpoint
        var note = SignedNote(text: checkpoint.text)
        try note.sign(key)
        self.note = note
    }

    /// nil when the note's text is not a checkpoint. Says nothing of its signatures.
    package init?(_ note: SignedNote) {
        guard let checkpoint = Checkpoint(text: note.text) else { return nil }
        self.checkpoint = checkpoint
        self.note = note
    }
}
