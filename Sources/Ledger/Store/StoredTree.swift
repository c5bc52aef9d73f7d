// The Merkle tree as the ledger's tables hold it: full tiles in `tiles`, the rest in the entries themselves.
import Foundation
import GRDB

enum StoredTree {
    private static func id(_ level: Int, _ number: Int64) -> Int64 { Int64(level) << 48 | number }

    static func insert(_ full: TileBuilder.FullTile, _ db: Database) throws {
        try db.cachedStatement(sql: "INSERT INTO tiles (id, hashes) VALUES (?, ?)")
            .execute(arguments: [id(full.level, full.number), Data(full.tile.bytes)])
    }

    /// A full tile, or nil.
    static func tile(_ db: Database, level: Int, number: Int64) throws -> MerkleTile? {
        try Data.fetchOne(
            db.cachedStatement(sql: "SELECT hashes FROM tiles WHERE id = ?"), arguments: [id(level, number)]
        ).flatMap { MerkleTile(bytes: Array($0)) }
    }

    /// Leaf hashes from the bytes of entries. Sealed entries are all below full tiles.
    private static func leaves(_ db: Database, start: Int64, count: Int) throws -> [MerkleHash] {
        try Data.fetchAll(
            db.cachedStatement(sql: "SELECT json FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq"),
            arguments: [start, start + Int64(count)]
        ).map { MerkleHash.leaf(Array($0)) }
    }

    private static func tiles(_ db: Database, _ unfinished: UnfinishedTiles) -> MerkleTree.Tiles {
        MerkleTree.tiles(
            stored: { try tile(db, level: $0, number: $1) }, leaves: { try leaves(db, start: $0, count: $1) },
            unfinished: unfinished)
    }

    /// The tree; valid for as long as the database access lasts.
    /// - Parameter unfinished: what is known of this tree already.
    static func tree(
        _ db: Database, size: Int64, _ unfinished: UnfinishedTiles = UnfinishedTiles()
    ) -> MerkleTree {
        MerkleTree(size: size, tiles: tiles(db, unfinished))
    }

    /// What appends go on from.
    static func builder(_ db: Database, size: Int64) throws -> TileBuilder {
        let tiles = tiles(db, UnfinishedTiles())
        let frontier = try MerkleTree(size: size, tiles: tiles).frontier(size: size)
        var partial: [[MerkleHash]] = []
        var nodes = size
        while nodes > 0 {
            let width = Int(nodes % Int64(MerkleTile.width))
            let number = nodes / Int64(MerkleTile.width)
            partial.append(
                width == 0 ? [] : Array(try tiles(partial.count, number, width).hashes.prefix(width)))
            nodes = number
        }
        return TileBuilder(frontier: frontier, partial: partial)
    }
}
