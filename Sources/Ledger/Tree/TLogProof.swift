// Proofs as files, C2SP tlog-proof: index, inclusion proof and checkpoint in one text. Pure.
import Foundation

/// An entry's inclusion in a signed tree, to be verified offline against the entry's bytes and the ledger's key.
package struct TLogProof: Sendable, Hashable {
    package static let header = "c2sp.org/tlog-proof@v1"
    package static let fileExtension = "tlog-proof"

    package var index: Int64
    package var hashes: [MerkleHash]
    package var checkpoint: SignedNote

    package init(index: Int64, hashes: [MerkleHash], checkpoint: SignedNote) {
        self.index = index
        self.hashes = hashes
        self.checkpoint = checkpoint
    }

    package var description: String {
        "\(Self.header)\nindex \(index)\n" + hashes.map { $0.base64 + "\n" }.joined()
            + "\n\(checkpoint.description)"
    }

    /// nil when the text is not a proof. An `extra` line is passed over.
    package init?(parsing text: String) {
        guard let gap = text.range(of: "\n\n"),
            let note = SignedNote(parsing: String(text[gap.upperBound...]))
        else {
            return nil
        }
        var lines = text[..<gap.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard lines.popFirst() == Self.header[...] else { return nil }
        if lines.first?.hasPrefix("extra ") == true { lines.removeFirst() }
        guard let line = lines.popFirst(), line.hasPrefix("index "), let index = Int64(line.dropFirst(6)),
            index >= 0
        else { return nil }
        var hashes: [MerkleHash] = []
        for line in lines {
            guard let hash = MerkleHash(base64: line) else { return nil }
            hashes.append(hash)
        }
        self.init(index: index, hashes: hashes, checkpoint: note)
    }

    /// Whether these bytes are the entry, by a checkpoint that `key` signed.
    package func holds(for entry: [UInt8], key: NoteVerifier) -> Bool {
        guard checkpoint.isSigned(by: key), let head = Checkpoint(text: checkpoint.text),
            head.origin == key.name
        else {
            return false
        }
        return MerkleProof.isIncluded(
            .leaf(entry), index: index, size: head.size, root: head.root, proof: hashes)
    }
}
