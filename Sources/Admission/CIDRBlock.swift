// A CIDR block: the only shape in which addresses are listed or trusted. It refuses what could be read two
// ways: host bits, /0, a prefix with leading zeros, a mapped block wider than IPv4.

package struct CIDRBlock: Hashable, Sendable {
    package let base: IPAddress
    /// 1 to 32 for IPv4, 1 to 128 for IPv6.
    package let prefix: Int

    /// `a.b.c.d/n`, `v6/n`, or a bare address for a block of one. `::ffff:a.b.c.d/n` with n of 97 or more is
    /// the IPv4 block of n - 96.
    package init(_ text: some StringProtocol) throws(AddressError) {
        let shown = UntrustedText.head(text)
        // One byte more than the longest block, so that a longer text cannot pass as its own beginning.
        let bytes = [UInt8](text.utf8.prefix(AddressText.limit + "/128".utf8.count + 1))
        let slash = bytes.firstIndex(of: UInt8(ascii: "/"))
        guard let parsed = AddressText.parse(bytes[..<(slash ?? bytes.count)]) else {
            throw AddressError(
                .badAddress,
                "\"\(shown)\" is not a CIDR block: write an IPv4 or IPv6 address, then / and the prefix length "
                    + "(20.21.208.105/32, 2001:db8::/32)")
        }
        let width = parsed.isIPv6Text ? 128 : 32
        guard let written = slash.map({ AddressText.decimal(bytes[($0 + 1)...], max: width) }) ?? width else {
            throw AddressError(
                .badPrefix,
                "\"\(shown)\": the prefix length must be a decimal number from 1 to \(width), without leading "
                    + "zeros")
        }
        try self.init(ip: IPAddress(value: parsed.value), prefix: written, width: width, shown: shown)
    }

    private init(ip: IPAddress, prefix written: Int, width: Int, shown: String) throws(AddressError) {
        let isMapped = width == 128 && ip.isIPv4
        guard !isMapped || written >= 96 else {
            throw AddressError(
                .mappedPrefix, "\"\(shown)\" mixes IPv4 and IPv6: write the IPv4 block as a.b.c.d/n instead")
        }
        let prefix = isMapped ? written - 96 : written
        guard prefix > 0 else {
            throw AddressError(
                .everything, "\"\(shown)\" holds every address: list the blocks that are really meant")
        }
        let hostMask = Self.hostMask(isIPv4: ip.isIPv4, prefix: prefix)
        guard ip.value & hostMask == 0 else {
            let base = IPAddress(value: ip.value & ~hostMask)
            throw AddressError(
                .hostBits,
                "\"\(shown)\" has bits set behind its prefix: write \(base)/\(prefix) for the block or \(ip) for "
                    + "the one address")
        }
        self.base = ip
        self.prefix = prefix
    }

    /// One address.
    package init(of ip: IPAddress) {
        base = ip
        prefix = ip.isIPv4 ? 32 : 128
    }

    /// The network that an address stands for when its neighbours count as one with it: /24, or /64 for IPv6, which one
    /// subscriber has whole (RFC 6177).
    package init(networkOf ip: IPAddress) {
        prefix = ip.isIPv4 ? 24 : 64
        base = IPAddress(value: ip.value & ~Self.hostMask(isIPv4: ip.isIPv4, prefix: prefix))
    }

    /// IPv4 is only ever in IPv4 blocks, although `::/64` spans the mapped range by value.
    package func contains(_ ip: IPAddress) -> Bool {
        ip.isIPv4 == base.isIPv4
            && ip.value & ~Self.hostMask(isIPv4: base.isIPv4, prefix: prefix) == base.value
    }

    /// The highest address of the block, as a value.
    var last: UInt128 { base.value | Self.hostMask(isIPv4: base.isIPv4, prefix: prefix) }

    private static func hostMask(isIPv4: Bool, prefix: Int) -> UInt128 {
        UInt128.max >> UInt128(isIPv4 ? prefix + 96 : prefix)
    }
}

extension CIDRBlock: CustomStringConvertible {
    /// Always with the prefix; parses back to the same block.
    package var description: String { "\(base)/\(prefix)" }
}

extension CIDRBlock: Codable {
    package init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
