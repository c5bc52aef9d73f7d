// Builds the tree again while entries go by, and compares it with the tiles that are stored.
import Foundation
import GRDB

struct TileCheck {
    private let db: Database
    private var builder = TileBuilder()
    private var isLost = false
    private var loaded: (number: Int64, tile: MerkleTile?)?

    init(_ db: Database) { self.db = db }

    var frontier: MerkleFrontier { builder.frontier }

    /// The hash that was recorded for an entry, where its tile is full.
    mutating func leaf(_ seq: Int64) throws -> MerkleHash? {
        let number = seq / Int64(MerkleTile.width)
        if loaded?.number != number { loaded = (number, try StoredTree.tile(db, level: 0, number: number)) }
        guard let tile = loaded?.tile, tile.hashes.count == MerkleTile.width else { return nil }
        return tile.hashes[Int(seq % Int64(MerkleTile.width))]
    }

    /// After a gap that nothing fills the tree cannot be built.
    mutating func giveUp() { isLost = true }

    mutating func append(_ leaf: MerkleHash) throws -> [LedgerFault] {
        guard !isLost else { return [] }
        var faults: [LedgerFault] = []
        try builder.append(leaf) { full in
            let stored =
                full.level == 0
                ? loaded?.tile : try StoredTree.tile(db, level: full.level, number: full.number)
            guard stored != full.tile else { return }
            let covered = Int64(1) << Int64(MerkleTile.height * (full.level + 1))
            let entries = full.number * covered...(full.number + 1) * covered - 1
            faults.append(
                .init(
                    .tree, entries,
                    "the hash tile \(full.level)/\(full.number) over entries \(entries.lowerBound) to "
                        + "\(entries.upperBound) is \(stored == nil ? "missing" : "damaged")"))
        }
        return faults
    }

    /// Tiles that belong to entries which are not there.
    func finish(size: Int64) throws -> [LedgerFault] {
        let number = size / Int64(MerkleTile.width)
        guard try StoredTree.tile(db, level: 0, number: number) != nil else { return [] }
        let last = number * Int64(MerkleTile.width) + Int64(MerkleTile.width) - 1
        return [
            .init(
                .cut, size...last,
                "the tail was cut after entry \(size - 1): hashes up to entry \(last) are recorded")
        ]
    }
}
