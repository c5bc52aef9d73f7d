// Keys of one run in a row, as the bytes of one row of the database. Pure.

/// Sorted keys as bytes: hash and number of each, eight bytes each, the lowest first.
struct DropKeyBlock {
    private static let width = 16
    /// As many as lie in one page of SQLite.
    static let keys = 252

    /// A place in the table: the run, and the upper bits of the block's lowest hash behind it. Blocks of a run lie in the order of
    /// their hashes; no two of them have hashes with the same upper bits.
    static func id(run: Int64, hash: Int64) -> Int64 { run << 43 | hash >> 20 }
    static func run(ofID id: Int64) -> Int64 { id >> 43 }
    /// Run numbers that there are room for: a run is some thousand drops at least.
    static let mostRuns: Int64 = 1 << 20

    /// Where the part ends that begins with this hash, between two blocks, if the range of hashes is cut into so many parts; nil:
    /// with the range.
    static func end(ofPart hash: Int64, of parts: Int) -> Int64? {
        let all: Int64 = 1 << 43
        let end = (hash >> 20) + max(1, (all + Int64(parts) - 1) / Int64(parts))
        return end < all ? end << 20 : nil
    }

    /// Cuts sorted keys of a run into blocks.
    static func cut(_ keys: ArraySlice<DropKey>, _ body: (_ first: Int64, _ bytes: [UInt8]) throws -> Void)
        rethrows
    {
        var rest = keys
        while let first = rest.first {
            var end = min(rest.startIndex + Self.keys, rest.endIndex)
            while end < rest.endIndex, rest[end].hash >> 20 == rest[end - 1].hash >> 20 { end += 1 }
            try body(first.hash, bytes(rest[rest.startIndex..<end]))
            rest = rest[end...]
        }
    }

    private static func bytes(_ keys: ArraySlice<DropKey>) -> [UInt8] {
        var words: [Int64] = []
        words.reserveCapacity(keys.count * 2)
        for key in keys {
            words.append(key.hash.littleEndian)
            words.append(key.seq.littleEndian)
        }
        return words.withUnsafeBytes(Array.init)
    }

    private let bytes: UnsafeRawBufferPointer
    let count: Int

    /// Good for as long as the bytes are.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        count = bytes.count / Self.width
    }

    subscript(index: Int) -> DropKey {
        DropKey(hash: word(index * 2), seq: word(index * 2 + 1))
    }

    private func word(_ number: Int) -> Int64 {
        Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: number * 8, as: Int64.self))
    }

    /// The first key whose hash is not below this one.
    func index(of hash: Int64) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if word(middle * 2) < hash { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension [DropKey] {
    /// Sorted. Of one that comes again and again the first and the last few: what is asked for is the first, or a late one.
    mutating func sortAndThin() {
        sort()
        let few = 8
        var kept: [DropKey] = []
        var start = startIndex
        while start < endIndex {
            var end = start + 1
            while end < endIndex, self[end].hash == self[start].hash { end += 1 }
            if end - start > 2 * few {
                if kept.isEmpty { kept = Array(self[..<start]) }
                kept += self[start..<start + few] + self[end - few..<end]
            } else if !kept.isEmpty {
                kept += self[start..<end]
            }
            start = end
        }
        if !kept.isEmpty { self = kept }
    }
}
