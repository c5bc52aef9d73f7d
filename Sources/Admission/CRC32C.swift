// CRC-32C (Castagnoli, RFC 3720 appendix B.4), which guards PROXY version 2 headers against corruption.
// It proves nothing about who sent them.

enum CRC32C {
    /// The polynomial 0x1EDC6F41, bits reversed.
    private static let polynomial: UInt32 = 0x82F6_3B78

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ polynomial : crc >> 1 }
        }
        return ~crc
    }
}
