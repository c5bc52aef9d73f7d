// A Merkle tree that lies in tiles: roots of earlier sizes, inclusion and consistency proofs. No I/O of its own:
// tiles come from a function.

/// A tree of `size` leaves. Nodes are found in tiles; what no tile holds is computed from those below it.
package struct MerkleTree {
    /// A tile with at least `width` hashes. Throws when it cannot be had.
    package typealias Tiles = (_ level: Int, _ number: Int64, _ width: Int) throws -> MerkleTile

    package let size: Int64
    private let tiles: Tiles

    package init(size: Int64, tiles: @escaping Tiles) {
        self.size = size
        self.tiles = tiles
    }

    /// Tiles from a store of full tiles and leaves: a partial tile is made from the leaves, or from the tiles below.
    /// - Parameter stored: the full tile, or nil when it is not stored.
    /// - Parameter leaves: the leaf hashes from `start` on, `count` of them.
    /// - Parameter unfinished: what was made of this tree before.
    package static func tiles(
        stored: @escaping (_ level: Int, _ number: Int64) throws -> MerkleTile?,
        leaves: @escaping (_ start: Int64, _ count: Int) throws -> [MerkleHash],
        unfinished: UnfinishedTiles = UnfinishedTiles()
    ) -> Tiles {
        func tile(_ level: Int, _ number: Int64, _ width: Int) throws -> MerkleTile {
            if let tile = try stored(level, number) { return tile }
            let start = number * Int64(MerkleTile.width)
            guard level > 0 else { return MerkleTile(try leaves(start, width)) }
            return try unfinished.tile(level, number, width) { index in
                let below = try tile(level - 1, start + Int64(index), MerkleTile.width)
                guard let root = below.root(start: 0, height: MerkleTile.height) else {
                    throw MerkleError.missingTile(level: level - 1, number: start + Int64(index))
                }
                return root
            }
        }
        return tile
    }

    /// The root of the perfect subtree of `1 << height` leaves that begins at leaf `index << height`.
    package func node(height: Int, index: Int64) throws -> MerkleHash {
        let level = height / MerkleTile.height
        let inner = height % MerkleTile.height
        let first = index << Int64(inner)
        let number = first / Int64(MerkleTile.width)
        let start = Int(first % Int64(MerkleTile.width))
        let tile = try tiles(level, number, start + (1 << inner))
        guard let root = tile.root(start: start, height: inner) else {
            throw MerkleError.missingTile(level: level, number: number)
        }
        return root
    }

    /// RFC 6962 section 2.1: MTH of the first `size` leaves; `size` of the tree or less.
    package func root(size: Int64) throws -> MerkleHash { try frontier(size: size).root }

    /// The right edge at an earlier size.
    package func frontier(size: Int64) throws -> MerkleFrontier {
        precondition(size >= 0 && size <= self.size)
        return MerkleFrontier(
            size: size,
            peaks: try MerkleRange.perfect(0..<size).map { try node(height: $0.height, index: $0.index) })
    }

    /// RFC 6962 section 2.1.1: the audit path of leaf `index` in the tree of the first `size` leaves.
    package func inclusionProof(index: Int64, size: Int64) throws -> [MerkleHash] {
        precondition(index >= 0 && index < size && size <= self.size)
        var range: Range<Int64> = 0..<size
        var proof: [MerkleHash] = []
        while range.upperBound - range.lowerBound > 1 {
            let middle = range.lowerBound + MerkleRange.split(range.upperBound - range.lowerBound)
            if index < middle {
                proof.append(try hash(middle..<range.upperBound))
                range = range.lowerBound..<middle
            } else {
                proof.append(try hash(range.lowerBound..<middle))
                range = middle..<range.upperBound
            }
        }
        return proof.reversed()
    }

    /// RFC 6962 section 2.1.2: proof that the tree of `old` leaves is a prefix of that of `new`; 0 < old ≤ new.
    package func consistencyProof(old: Int64, new: Int64) throws -> [MerkleHash] {
        precondition(old > 0 && old <= new && new <= size)
        var range: Range<Int64> = 0..<new
        var isWhole = true
        var proof: [MerkleHash] = []
        while range.upperBound != old {
            let middle = range.lowerBound + MerkleRange.split(range.upperBound - range.lowerBound)
            if old <= middle {
                proof.append(try hash(middle..<range.upperBound))
                range = range.lowerBound..<middle
            } else {
                proof.append(try hash(range.lowerBound..<middle))
                range = middle..<range.upperBound
                isWhole = false
            }
        }
        if !isWhole { proof.append(try hash(range)) }
        return proof.reversed()
    }

    /// MTH of a range that begins where a perfect subtree of its size could.
    private func hash(_ range: Range<Int64>) throws -> MerkleHash {
        let nodes = try MerkleRange.perfect(range).map { try node(height: $0.height, index: $0.index) }
        guard var root = nodes.last else { return .empty }
        for node in nodes.dropLast().reversed() { root = MerkleHash.node(node, root) }
        return root
    }
}

package enum MerkleError: Error, Sendable, Equatable {
    case missingTile(level: Int, number: Int64)
}

/// Ranges of leaves as perfect subtrees.
package enum MerkleRange {
    /// The largest power of two below `count`, for `count` above 1.
    static func split(_ count: Int64) -> Int64 { 1 << Int64(63 - (count - 1).leadingZeroBitCount) }

    /// The fewest perfect subtrees that cover a range, from left to right; `index` counts subtrees of that height.
    package static func perfect(_ range: Range<Int64>) -> [(height: Int, index: Int64)] {
        var nodes: [(height: Int, index: Int64)] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let aligned = start == 0 ? 62 : start.trailingZeroBitCount
            let fitting = 63 - (range.upperBound - start).leadingZeroBitCount
            let height = min(aligned, fitting)
            nodes.append((height, start >> Int64(height)))
            start += 1 << Int64(height)
        }
        return nodes
    }
}
