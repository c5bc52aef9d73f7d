// Reads the fields of one packet, draft section 4, with every bound checked. It keeps positions only:
// the bytes stay where they are, and no position can leave the packet.

/// A packet that cannot be understood. The session ends: what follows it cannot be trusted.
package struct PacketError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

struct FieldCursor {
    /// The next unread byte.
    private(set) var position: Int
    /// One past the packet's last byte.
    let end: Int

    init(_ packet: Range<Int>) {
        position = packet.lowerBound
        end = packet.upperBound
    }

    var remaining: Int { end - position }

    mutating func uint8(_ input: Span<UInt8>) throws(PacketError) -> UInt8 {
        let start = try take(1)
        return input[start]
    }

    mutating func uint32(_ input: Span<UInt8>) throws(PacketError) -> UInt32 {
        let start = try take(4)
        return FieldCursor.uint32(input, at: start)
    }

    mutating func uint64(_ input: Span<UInt8>) throws(PacketError) -> UInt64 {
        let high = try uint32(input)
        let low = try uint32(input)
        return UInt64(high) << 32 | UInt64(low)
    }

    /// Where the bytes of a `string` field lie.
    mutating func stringRange(_ input: Span<UInt8>) throws(PacketError) -> Range<Int> {
        let length = Int(try uint32(input))
        let start = try take(length)
        return start..<start + length
    }

    mutating func string(_ input: Span<UInt8>) throws(PacketError) -> [UInt8] {
        let range = try stringRange(input)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for index in range { bytes.append(input[index]) }
        return bytes
    }

    /// A handle of ours is eight bytes; any other string is nobody's handle.
    mutating func handle(_ input: Span<UInt8>) throws(PacketError) -> HandleID? {
        let range = try stringRange(input)
        guard range.count == 8 else { return nil }
        return HandleID(
            slot: FieldCursor.uint32(input, at: range.lowerBound),
            generation: FieldCursor.uint32(input, at: range.lowerBound + 4))
    }

    /// The caller has checked that four bytes are there.
    static func uint32(_ input: Span<UInt8>, at start: Int) -> UInt32 {
        UInt32(input[start]) << 24 | UInt32(input[start + 1]) << 16
            | UInt32(input[start + 2]) << 8 | UInt32(input[start + 3])
    }

    private mutating func take(_ count: Int) throws(PacketError) -> Int {
        guard count <= remaining else {
            throw PacketError("a field of \(count) bytes in a packet that has \(remaining) left")
        }
        defer { position += count }
        return position
    }
}
