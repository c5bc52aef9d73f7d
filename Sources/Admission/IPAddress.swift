// One IPv4 or IPv6 address. IPv4-mapped IPv6 (`::ffff:a.b.c.d`) is the same value as the IPv4 address, so
// no list can be missed or evaded by the other spelling. No zone identifiers, no names, no look-ups.

/// An address. Both families share one 128-bit value; IPv4 lies in `::ffff:0:0/96`, which is what folds
/// mapped addresses without a special case anywhere else.
package struct IPAddress: Hashable, Sendable {
    let value: UInt128

    init(value: UInt128) { self.value = value }

    /// Strict text: a dotted quad of four decimal numbers without leading zeros, or RFC 4291 IPv6 text.
    package init(_ text: some StringProtocol) throws(AddressError) {
        guard let value = AddressText.parse(text)?.value else {
            throw AddressError(
                .badAddress,
                "\"\(UntrustedText.head(text))\" is not an IP address: write four decimal numbers without "
                    + "leading zeros (20.21.208.105) or IPv6 text (2001:db8::1), without port, zone or brackets"
            )
        }
        self.value = value
    }

    /// 4 or 16 bytes in network order; any other count is nil.
    package init?(bytes: some Collection<UInt8>) {
        var value: UInt128 = 0
        var count = 0
        for byte in bytes {
            count += 1
            guard count <= 16 else { return nil }
            value = value << 8 | UInt128(byte)
        }
        switch count {
        case 4: self.value = Self.mapped | value
        case 16: self.value = value
        default: return nil
        }
    }

    /// The first address of `::ffff:0:0/96`.
    static let mapped: UInt128 = 0xFFFF_0000_0000

    package var isIPv4: Bool { value >> 32 == 0xFFFF }

    /// 4 or 16 bytes in network order.
    package var bytes: [UInt8] {
        let count = isIPv4 ? 4 : 16
        return (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt128(count - 1 - $0))) }
    }

    /// How many bits both begin with, of 32 or 128; nil for addresses of two families.
    package func commonBits(with other: IPAddress) -> Int? {
        guard isIPv4 == other.isIPv4 else { return nil }
        return (value ^ other.value).leadingZeroBitCount - (isIPv4 ? 96 : 0)
    }

    /// Of this machine: 127.0.0.0/8, ::1.
    package var isLoopback: Bool { isIPv4 ? value >> 24 & 0xFF == 127 : value == 1 }

    /// Of this network segment: 169.254.0.0/16, fe80::/10.
    package var isLinkLocal: Bool { isIPv4 ? value >> 16 & 0xFFFF == 0xA9FE : value >> 118 == 0x3FA }

    /// Not reachable from the internet: RFC 1918, loopback, link local, ULA (RFC 4193), CGNAT (RFC 6598).
    /// If every call shows one of these, a NAT stands in front and hides who called.
    package var isPrivate: Bool {
        if isIPv4 {
            let v4 = UInt32(truncatingIfNeeded: value)
            return v4 >> 24 == 10 || v4 >> 24 == 127
                || v4 >> 20 == 0xAC1  // 172.16.0.0/12
                || v4 >> 16 == 0xC0A8  // 192.168.0.0/16
                || v4 >> 16 == 0xA9FE  // 169.254.0.0/16
                || v4 >> 22 == 0x191  // 100.64.0.0/10
        }
        return value == 1 || value >> 118 == 0x3FA /* fe80::/10 */ || value >> 121 == 0x7E /* fc00::/7 */
    }
}

extension IPAddress: Comparable {
    /// IPv4 before IPv6, then by value.
    package static func < (a: IPAddress, b: IPAddress) -> Bool {
        a.isIPv4 == b.isIPv4 ? a.value < b.value : a.isIPv4
    }
}

extension IPAddress: CustomStringConvertible {
    /// Dotted quad or RFC 5952 text; parses back to the same value.
    package var description: String { AddressText.format(self) }
}

extension IPAddress: Codable {
    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
