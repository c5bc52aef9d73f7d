// The keys by which drops are looked for, as 63 bits each: an index of them says where to look, and the drop's row decides. Pure.

/// A hash of a key, 0 or above. Two keys may have the same.
enum DropKeyHash {
    /// Of a digest (SHA-256), whose bits are as good as any.
    static func of(key: [UInt8]) -> Int64 {
        var hash: UInt64 = 0
        for byte in key.prefix(8) { hash = hash << 8 | UInt64(byte) }
        return Int64(hash >> 1)
    }

    /// Of a drop's id: FNV-1a, and then MurmurHash3's last step, because the first bits of ids are times.
    static func of(id: String) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in id.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ hash >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return Int64((hash ^ hash >> 33) >> 1)
    }
}

/// A key of the drop with this number.
struct DropKey: Comparable {
    var hash: Int64
    var seq: Int64

    static func < (left: DropKey, right: DropKey) -> Bool {
        left.hash == right.hash ? left.seq < right.seq : left.hash < right.hash
    }
}
