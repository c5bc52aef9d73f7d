// How a source address stands in the index of entries. Pure.
import Admission

/// How a source address stands in the index: 16 bytes, IPv4 mapped, so that a CIDR block is one range.
enum SourceKey {
    static func bytes(_ ip: IPAddress) -> [UInt8] {
        let bytes = ip.bytes
        return bytes.count == 16 ? bytes : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF] + bytes
    }

    /// The lowest and highest key in a block.
    static func range(_ block: CIDRBlock) -> (low: [UInt8], high: [UInt8]) {
        let low = bytes(block.base)
        let prefix = block.base.isIPv4 ? block.prefix + 96 : block.prefix
        var high = low
        for bit in prefix..<128 { high[bit / 8] |= 0x80 >> UInt8(bit % 8) }
        return (low, high)
    }
}
