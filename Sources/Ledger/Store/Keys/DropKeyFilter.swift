// Says of most keys that they are surely not in a run, so that the run need not be asked. Pure.

/// A Bloom filter in blocks of 512 bits, one a key: a look touches one line of the processor's cache. With 12 bits a key about
/// one look in 150 at a key that is not there says that it may be.
struct DropKeyFilter: Equatable {
    private static let bitsPerKey = 12
    private static let wordsPerBlock = 8
    private static let probes = 6

    private var words: [UInt64]
    private var blocks: UInt64 { UInt64(words.count / Self.wordsPerBlock) }

    init(keys: Int) {
        let blocks = max(1, (keys * Self.bitsPerKey + 511) / 512)
        words = Array(repeating: 0, count: blocks * Self.wordsPerBlock)
    }

    /// nil when the bytes are no filter for so many keys.
    init?(bytes: [UInt8], keys: Int) {
        self.init(keys: keys)
        guard bytes.count == self.bytes else { return nil }
        bytes.withUnsafeBytes { raw in
            for word in words.indices {
                words[word] = UInt64(
                    littleEndian: raw.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))
            }
        }
    }

    /// What it takes of memory.
    var bytes: Int { words.count * 8 }

    static func bytes(keys: Int) -> Int { max(1, (keys * bitsPerKey + 511) / 512) * wordsPerBlock * 8 }

    var data: [UInt8] { words.map(\.littleEndian).withUnsafeBytes(Array.init) }

    mutating func add(_ hash: Int64) {
        let (start, bits) = place(hash)
        for probe in 0..<Self.probes {
            let bit = Int(bits >> UInt64(9 * probe) & 511)
            words[start + bit / 64] |= 1 << UInt64(bit % 64)
        }
    }

    func mayHold(_ hash: Int64) -> Bool {
        let (start, bits) = place(hash)
        for probe in 0..<Self.probes {
            let bit = Int(bits >> UInt64(9 * probe) & 511)
            if words[start + bit / 64] & 1 << UInt64(bit % 64) == 0 { return false }
        }
        return true
    }

    /// The first word of the key's block, by the upper bits of its hash, and 54 bits that say which bits there.
    private func place(_ hash: Int64) -> (start: Int, bits: UInt64) {
        let key = UInt64(bitPattern: hash) << 1
        let block = key.multipliedFullWidth(by: blocks).high
        return (Int(block) * Self.wordsPerBlock, (key &* 0x9E37_79B9_7F4A_7C15) >> 7)
    }
}
