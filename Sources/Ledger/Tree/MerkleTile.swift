// Tiles of the tree as in C2SP tlog-tiles: 256 hashes in a row, eight levels of the tree in one piece. Pure.
import TLS

/// A full or partial tile: hashes at tree height 8 × level, from index 256 × number on.
package struct MerkleTile: Sendable, Hashable {
    /// Tree levels in a tile.
    package static let height = 8
    /// Hashes in a full tile.
    package static let width = 256

    package let hashes: [MerkleHash]

    package init(_ hashes: [MerkleHash]) { self.hashes = hashes }

    /// nil unless the bytes are 1 to 256 hashes.
    package init?(bytes: [UInt8]) {
        guard !bytes.isEmpty, bytes.count % MerkleHash.count == 0,
            bytes.count <= Self.width * MerkleHash.count
        else { return nil }
        hashes = bytes.withUnsafeBytes { raw in
            stride(from: 0, to: raw.count, by: MerkleHash.count).map {
                MerkleHash(loading: UnsafeRawBufferPointer(rebasing: raw[$0...]))
            }
        }
    }

    package var bytes: [UInt8] { hashes.withUnsafeBytes(Array.init) }

    /// The root of the perfect subtree over `1 << height` hashes from `start` on; nil when they are not all here.
    package func root(start: Int, height: Int) -> MerkleHash? {
        let count = 1 << height
        guard start >= 0, start + count <= hashes.count else { return nil }
        var row = Array(hashes[start..<start + count])
        var hash = SHA256()
        var width = count
        while width > 1 {
            width /= 2
            for index in 0..<width {
                row[index] = MerkleHash.node(row[2 * index], row[2 * index + 1], by: &hash)
            }
        }
        return row[0]
    }
}

/// Tiles above the leaves' that are not full, so that nothing stores them: what was made of them, or of a builder's. Each hash is made
/// from a whole tile below, and once: it stays what it is however the tree grows. One tile a level is kept.
package final class UnfinishedTiles {
    private var tiles: [Int: (number: Int64, hashes: [MerkleHash])] = [:]

    package init() {}

    /// Of the tree that `builder` has.
    package init(of builder: TileBuilder) {
        for (level, hashes) in builder.partial.enumerated().dropFirst() {
            tiles[level] = (builder.size >> Int64(MerkleTile.height * (level + 1)), hashes)
        }
    }

    /// - Parameters:
    ///   - width: how many hashes are wanted at least.
    ///   - make: the hash at an index of the tile.
    func tile(
        _ level: Int, _ number: Int64, _ width: Int, make: (_ index: Int) throws -> MerkleHash
    ) rethrows -> MerkleTile {
        var hashes: [MerkleHash] = []
        if let kept = tiles[level], kept.number == number { hashes = kept.hashes }
        guard hashes.count < width else { return MerkleTile(hashes) }
        for index in hashes.count..<width { hashes.append(try make(index)) }
        tiles[level] = (number, hashes)
        return MerkleTile(hashes)
    }
}

/// Appends leaves and hands out the tiles that become full. Memory: one partial tile a level.
package struct TileBuilder: Sendable {
    package struct FullTile: Sendable {
        package var level: Int
        package var number: Int64
        package var tile: MerkleTile
    }

    package private(set) var frontier: MerkleFrontier
    /// By level, the hashes of the tile that is not yet full.
    fileprivate private(set) var partial: [[MerkleHash]]

    package init() {
        frontier = MerkleFrontier()
        partial = []
    }

    /// With what was there.
    init(frontier: MerkleFrontier, partial: [[MerkleHash]]) {
        self.frontier = frontier
        self.partial = partial
    }

    package var size: Int64 { frontier.size }

    /// A throw of `full` leaves the builder in no state to go on from.
    package mutating func append(_ leaf: MerkleHash, full: (FullTile) throws -> Void) rethrows {
        // Taken out, so that the closure may change the rest of self without a copy.
        var frontier = MerkleFrontier()
        swap(&frontier, &self.frontier)
        defer { self.frontier = frontier }
        let size = frontier.size + 1
        try add(leaf, level: 0, size: size, full)
        try frontier.append(leaf) { level, node in try add(node, level: level, size: size, full) }
    }

    private mutating func add(
        _ hash: MerkleHash, level: Int, size: Int64, _ full: (FullTile) throws -> Void
    ) rethrows {
        if partial.count == level { partial.append([]) }
        partial[level].append(hash)
        guard partial[level].count == MerkleTile.width else { return }
        let covered = Int64(1) << Int64(MerkleTile.height * (level + 1))
        try full(FullTile(level: level, number: size / covered - 1, tile: MerkleTile(partial[level])))
        partial[level].removeAll(keepingCapacity: true)
    }
}
