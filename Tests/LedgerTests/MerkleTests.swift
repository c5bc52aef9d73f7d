// The Merkle tree against RFC 6962's own recursion and the vectors of the Certificate Transparency code base.
import Ledger
import Support
import Testing

/// RFC 6962 section 2.1, as it is written there.
private func mth(_ leaves: ArraySlice<MerkleHash>) -> MerkleHash {
    guard leaves.count > 1, let first = leaves.indices.first else { return leaves.first ?? .empty }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    return .node(mth(leaves[first..<first + split]), mth(leaves[(first + split)...]))
}

private func leaf(_ number: Int) -> MerkleHash { .leaf(Array("\(number)".utf8)) }

private func hex(_ hash: MerkleHash) -> String {
    hash.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// Full tiles as a store would keep them, beside all leaves.
private struct Store {
    var builder = TileBuilder()
    var tiles: [String: MerkleTile] = [:]
    var leaves: [MerkleHash] = []

    init(_ count: Int) {
        for number in 0..<count {
            leaves.append(leaf(number))
            builder.append(leaf(number)) { tiles["\($0.level)/\($0.number)"] = $0.tile }
        }
    }

    var tree: MerkleTree {
        let (tiles, leaves) = (tiles, leaves)
        return MerkleTree(
            size: Int64(leaves.count),
            tiles: MerkleTree.tiles(
                stored: { tiles["\($0)/\($1)"] }, leaves: { Array(leaves[Int($0)..<Int($0) + $1]) }))
    }
}

@Suite struct MerkleTests {
    @Test func rootsAreThoseOfCertificateTransparency() {
        let inputs: [[UInt8]] = [
            [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43], Array(0x50...0x57),
            Array(0x60...0x6F),
        ]
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ]
        var frontier = MerkleFrontier()
        #expect(hex(frontier.root) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        for (input, root) in zip(inputs, roots) {
            frontier.append(.leaf(input))
            #expect(hex(frontier.root) == root)
        }
    }

    @Test(arguments: [1, 2, 3, 255, 256, 257, 511, 512, 700, 65_535, 65_536, 65_537, 66_000])
    func rootsOfEarlierSizesComeFromTiles(count: Int) throws {
        let store = Store(count)
        #expect(store.builder.frontier.root == mth(store.leaves[...]))
        var random = SplitMix(seed: UInt64(count))
        let sizes = [1, count, count - 1, count / 2, count / 256 * 256].filter { $0 > 0 }
        for size in sizes + (0..<5).map({ _ in Int.random(in: 1...count, using: &random) }) {
            #expect(try store.tree.root(size: Int64(size)) == mth(store.leaves[..<size]))
        }
    }

    @Test("A tile that nothing stores is made of each tile below it once, however the tree grows")
    func unfinishedTiles() throws {
        let (whole, unfinished) = (Store(70_000), UnfinishedTiles())
        var random = SplitMix(seed: 1)
        var reads = 0
        for size in [300, 9_000, 9_000, 40_000, 65_535, 65_536, 66_000, 70_000] {
            let tree = MerkleTree(
                size: Int64(size),
                tiles: MerkleTree.tiles(
                    stored: { level, number in
                        // What is full at this size.
                        guard (Int(number) + 1) << (8 * (level + 1)) <= size else { return nil }
                        reads += level == 0 ? 1 : 0
                        return whole.tiles["\(level)/\(number)"]
                    }, leaves: { Array(whole.leaves[Int($0)..<Int($0) + $1]) }, unfinished: unfinished))
            for earlier in [size, size - 1, Int.random(in: 1...size, using: &random)] {
                #expect(try tree.root(size: Int64(earlier)) == mth(whole.leaves[..<earlier]))
            }
        }
        // 273 tiles, and for each root the one in which its size is, once for each of its eight heights at most.
        #expect((255...273 + 24 * 8).contains(reads))
    }

    @Test(
        "What a builder has of unfinished tiles is not made again", arguments: [300, 65_536, 66_000, 70_000])
    func tilesOfABuilder(count: Int) throws {
        let whole = Store(count)
        var reads = 0
        let tree = MerkleTree(
            size: Int64(count),
            tiles: MerkleTree.tiles(
                stored: { level, number in
                    reads += level == 0 ? 1 : 0
                    return whole.tiles["\(level)/\(number)"]
                }, leaves: { Array(whole.leaves[Int($0)..<Int($0) + $1]) },
                unfinished: UnfinishedTiles(of: whole.builder)))
        #expect(try tree.root(size: Int64(count)) == mth(whole.leaves[...]))
        // The leaves' own tile is looked for once for each of its heights, and is not full.
        #expect(reads <= 8)
    }

    @Test func everyInclusionProofOfSmallTreesHoldsForItsLeafOnly() throws {
        let store = Store(40)
        for size in 1...40 {
            let root = mth(store.leaves[..<size])
            for index in 0..<size {
                let proof = try store.tree.inclusionProof(index: Int64(index), size: Int64(size))
                func holds(_ leaf: MerkleHash, at index: Int, _ proof: [MerkleHash]) -> Bool {
                    MerkleProof.isIncluded(
                        leaf, index: Int64(index), size: Int64(size), root: root, proof: proof)
                }
                #expect(holds(leaf(index), at: index, proof))
                #expect(!holds(leaf(index + 1), at: index, proof))
                #expect(!holds(leaf(index), at: index + 1, proof))
                #expect(!holds(leaf(index), at: index, proof + [root]))
                #expect(proof.isEmpty || !holds(leaf(index), at: index, proof.dropLast()))
            }
        }
    }

    @Test func everyConsistencyProofOfSmallTreesHolds() throws {
        let store = Store(40)
        for new in 1...40 {
            for old in 1...new {
                let proof = try store.tree.consistencyProof(old: Int64(old), new: Int64(new))
                func holds(_ oldRoot: MerkleHash, _ newRoot: MerkleHash) -> Bool {
                    MerkleProof.isConsistent(
                        old: Int64(old), oldRoot: oldRoot, new: Int64(new), newRoot: newRoot, proof: proof)
                }
                let (oldRoot, newRoot) = (mth(store.leaves[..<old]), mth(store.leaves[..<new]))
                #expect(holds(oldRoot, newRoot))
                #expect(!holds(.empty, newRoot))
                #expect(!holds(oldRoot, .empty))
            }
        }
    }

    @Test func proofsCrossTiles() throws {
        let store = Store(66_000)
        let size: Int64 = 66_000
        let root = store.builder.frontier.root
        for index in [0, 255, 256, 65_535, 65_536, 65_999] {
            let proof = try store.tree.inclusionProof(index: Int64(index), size: size)
            #expect(
                MerkleProof.isIncluded(leaf(index), index: Int64(index), size: size, root: root, proof: proof)
            )
        }
        for old: Int64 in [1, 255, 256, 300, 65_536, 65_999] {
            #expect(
                MerkleProof.isConsistent(
                    old: old, oldRoot: mth(store.leaves[..<Int(old)]), new: size, newRoot: root,
                    proof: try store.tree.consistencyProof(old: old, new: size)))
        }
    }

    @Test func perfectSubtreesCoverARangeOnce() {
        for start: Int64 in 0..<20 {
            for end in start..<40 {
                var next = start
                for node in MerkleRange.perfect(start..<end) {
                    #expect(node.index << Int64(node.height) == next)
                    next += 1 << Int64(node.height)
                }
                #expect(next == end)
            }
        }
    }
}
