// The binary form of the PROXY header: 16 fixed bytes, addresses, then type-length-value fields (TLVs).
// Section 2.2 of the specification. Values that it reserves are refused, as it asks of receivers.

enum ProxyVersion2 {
    private static let fixed = 16
    private static let crc32cType: UInt8 = 0x03

    /// Checks what is known once the fixed bytes are there, before anything more is read.
    static func check(version: UInt8, family: UInt8, length: Int) throws(ProxyHeaderError) {
        guard version >> 4 == 2, version & 15 <= 1 else {
            throw ProxyHeaderError(
                .malformed, "a version 2 header has version 2 and the command LOCAL or PROXY")
        }
        // LOCAL: whatever the family byte and the block say is to be ignored.
        guard version & 15 == 1 else { return }
        guard family >> 4 <= 3, family & 15 <= 2 else {
            throw ProxyHeaderError(.malformed, "a version 2 header has a known address family and transport")
        }
        guard length >= addressLength(family) else {
            throw ProxyHeaderError(
                .malformed, "a version 2 header is shorter than the addresses it announces")
        }
    }

    /// `bytes` is the whole header, `check` has passed.
    static func parse(_ bytes: [UInt8]) throws(ProxyHeaderError) -> ProxyHeader {
        if bytes[12] & 15 == 0 { return .local }
        let family = bytes[13]
        try checkFields(bytes, from: fixed + addressLength(family))
        let width: Int
        switch family {
        case 0x11: width = 4
        case 0x21: width = 16
        default: return .unknown
        }
        let ports = fixed + 2 * width
        guard let source = IPAddress(bytes: bytes[fixed..<(fixed + width)]),
            let destination = IPAddress(bytes: bytes[(fixed + width)..<ports])
        else { return .unknown }
        return .proxied(
            source: Endpoint(ip: source, port: UInt16(bytes[ports]) << 8 | UInt16(bytes[ports + 1])),
            destination: Endpoint(
                ip: destination, port: UInt16(bytes[ports + 2]) << 8 | UInt16(bytes[ports + 3])))
    }

    /// Two addresses and, for IP, two ports.
    private static func addressLength(_ family: UInt8) -> Int {
        switch family >> 4 {
        case 1: 12
        case 2: 36
        case 3: 216
        default: 0
        }
    }

    /// Walks the TLVs, which must fill the rest exactly, and checks the checksum if one is there.
    private static func checkFields(_ bytes: [UInt8], from start: Int) throws(ProxyHeaderError) {
        var index = start
        var checksum: Int?
        while index < bytes.count {
            guard index + 3 <= bytes.count else { throw overrun }
            let length = Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
            guard index + 3 + length <= bytes.count else { throw overrun }
            if bytes[index] == crc32cType {
                guard length == 4, checksum == nil else {
                    throw ProxyHeaderError(.malformed, "a version 2 header has one checksum of four bytes")
                }
                checksum = index + 3
            }
            index += 3 + length
        }
        guard let checksum else { return }
        // Computed over the whole header with the checksum's own bytes as zero (section 2.2.3).
        var zeroed = bytes
        var expected: UInt32 = 0
        for at in checksum..<(checksum + 4) {
            expected = expected << 8 | UInt32(bytes[at])
            zeroed[at] = 0
        }
        guard CRC32C.checksum(zeroed) == expected else {
            throw ProxyHeaderError(.checksum, "the checksum of the version 2 header does not fit its bytes")
        }
    }

    private static var overrun: ProxyHeaderError {
        ProxyHeaderError(.malformed, "a field of the version 2 header reaches beyond its end")
    }
}
