// A hash of the ledger's Merkle tree, RFC 6962 section 2.1: SHA-256 with one prefix for leaves and one for nodes.
// Pure, and without allocation of its own: verification makes two of them for every entry.
import Foundation
import TLS

/// 32 bytes of SHA-256.
package struct MerkleHash: Sendable, Hashable {
    package static let count = 32

    private var words: (UInt64, UInt64, UInt64, UInt64)

    private init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// nil unless there are exactly 32 bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.count else { return nil }
        self = Array(bytes).withUnsafeBytes { Self(loading: $0) }
    }

    /// The first 32 bytes of memory that has at least as many.
    init(loading bytes: UnsafeRawBufferPointer) {
        words = bytes.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self)
    }

    package static func == (a: Self, b: Self) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withUnsafeBytes(of: words, body)
    }

    package var bytes: [UInt8] { withBytes(Array.init) }

    /// Standard base64 (RFC 4648 section 4), as checkpoints and proofs write it.
    package var base64: String { Data(bytes).base64EncodedString() }

    package init?(base64: some StringProtocol) {
        guard base64.utf8.count == 44, let data = Data(base64Encoded: String(base64)) else { return nil }
        self.init(data)
    }

    // MARK: Hashing

    /// The hash of a leaf: SHA-256(0x00 || bytes).
    package static func leaf(_ bytes: [UInt8]) -> MerkleHash { bytes.withUnsafeBytes(leaf) }

    package static func leaf(_ bytes: UnsafeRawBufferPointer) -> MerkleHash {
        var hash = SHA256()
        withUnsafeBytes(of: UInt8(0)) { hash.update(bufferPointer: $0) }
        hash.update(bufferPointer: bytes)
        return hash.finalize().withUnsafeBytes(Self.init(loading:))
    }

    /// The hash of a node: SHA-256(0x01 || left || right).
    package static func node(_ left: MerkleHash, _ right: MerkleHash) -> MerkleHash {
        var hash = SHA256()
        give(left, right, to: &hash)
        return hash.finalize().withUnsafeBytes(Self.init(loading:))
    }

    /// - Parameter hash: at its beginning; for who makes many nodes.
    static func node(_ left: MerkleHash, _ right: MerkleHash, by hash: inout SHA256) -> MerkleHash {
        give(left, right, to: &hash)
        return hash.next().withUnsafeBytes(Self.init(loading:))
    }

    private static func give(_ left: MerkleHash, _ right: MerkleHash, to hash: inout SHA256) {
        // One piece of 65 bytes: the prefix is the last byte of the first word in memory.
        var input = (UInt64(1).bigEndian, left.words, right.words)
        withUnsafeBytes(of: &input) { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[7...])) }
    }

    /// The root of a tree without leaves: SHA-256 of nothing.
    package static let empty = SHA256.hash(data: [UInt8]()).withUnsafeBytes(Self.init(loading:))
}
