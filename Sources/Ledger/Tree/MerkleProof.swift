// Checks proofs against roots: RFC 9162 sections 2.1.3.2 and 2.1.4.2, for the trees of RFC 6962. Pure.

package enum MerkleProof {
    /// Whether `leaf` is at `index` of the tree of `size` leaves with this root.
    package static func isIncluded(
        _ leaf: MerkleHash, index: Int64, size: Int64, root: MerkleHash, proof: [MerkleHash]
    ) -> Bool {
        guard index >= 0, index < size else { return false }
        var position = index
        var last = size - 1
        var hash = leaf
        for sibling in proof {
            guard last > 0 else { return false }
            if position & 1 == 1 || position == last {
                hash = MerkleHash.node(sibling, hash)
                while position & 1 == 0, position != 0 {
                    position >>= 1
                    last >>= 1
                }
            } else {
                hash = MerkleHash.node(hash, sibling)
            }
            position >>= 1
            last >>= 1
        }
        return last == 0 && hash == root
    }

    /// Whether the tree of `old` leaves is a prefix of that of `new` leaves; 0 < old.
    package static func isConsistent(
        old: Int64, oldRoot: MerkleHash, new: Int64, newRoot: MerkleHash, proof: [MerkleHash]
    ) -> Bool {
        guard old > 0, old <= new else { return false }
        if old == new { return proof.isEmpty && oldRoot == newRoot }
        let path = old.nonzeroBitCount == 1 ? [oldRoot] + proof : proof
        guard var oldHash = path.first else { return false }
        var newHash = oldHash
        var position = old - 1
        var last = new - 1
        while position & 1 == 1 {
            position >>= 1
            last >>= 1
        }
        for sibling in path.dropFirst() {
            guard last > 0 else { return false }
            if position & 1 == 1 || position == last {
                oldHash = MerkleHash.node(sibling, oldHash)
                newHash = MerkleHash.node(sibling, newHash)
                while position & 1 == 0, position != 0 {
                    position >>= 1
                    last >>= 1
                }
            } else {
                newHash = MerkleHash.node(newHash, sibling)
            }
            position >>= 1
            last >>= 1
        }
        return last == 0 && oldHash == oldRoot && newHash == newRoot
    }
}
