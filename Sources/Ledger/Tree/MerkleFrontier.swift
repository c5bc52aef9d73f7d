// The right edge of a Merkle tree: all that is needed to append a leaf and to say the root. Pure.

/// Roots of the perfect subtrees that make up a tree of `size` leaves, largest first: one for each bit of `size`.
package struct MerkleFrontier: Sendable, Hashable {
    package private(set) var size: Int64 = 0
    private var peaks: [MerkleHash] = []

    package init() {}

    /// With the roots of the perfect subtrees, largest first; their number is that of the one bits of `size`.
    init(size: Int64, peaks: [MerkleHash]) {
        precondition(peaks.count == size.nonzeroBitCount)
        self.size = size
        self.peaks = peaks
    }

    package mutating func append(_ leaf: MerkleHash) { append(leaf) { _, _ in } }

    /// Adds a leaf: one node a leaf on average, log2(size) at most. `completed` is told of each perfect subtree of
    /// 256, 65,536, … leaves that the leaf completes, as (tile level, hash).
    package mutating func append(
        _ leaf: MerkleHash, completed: (Int, MerkleHash) throws -> Void
    ) rethrows {
        var node = leaf
        var height = 0
        var bits = size
        while bits & 1 == 1 {
            node = MerkleHash.node(peaks.removeLast(), node)
            height += 1
            bits >>= 1
            if height % MerkleTile.height == 0 { try completed(height / MerkleTile.height, node) }
        }
        peaks.append(node)
        size += 1
    }

    /// RFC 6962 section 2.1: MTH of all leaves.
    package var root: MerkleHash {
        guard var root = peaks.last else { return .empty }
        for peak in peaks.dropLast().reversed() { root = MerkleHash.node(peak, root) }
        return root
    }
}
