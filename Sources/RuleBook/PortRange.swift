// A transport protocol and a port or a range of ports, as the document writes them: `UDP 49152-65535`.

package enum Transport: String, Sendable, Hashable, CaseIterable {
    case tcp, udp
}

package struct PortRange: Sendable, Hashable, CustomStringConvertible {
    package let transport: Transport
    package let first: UInt16
    package let last: UInt16

    package init(_ transport: Transport, _ port: UInt16) {
        self.transport = transport
        first = port
        last = port
    }

    /// `TCP 443` or `UDP 49152-65535`; port 0 is none, and a range goes upwards.
    package init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2,
            let transport = Transport.allCases.first(where: { $0.rawValue.uppercased() == words[0] })
        else { return nil }
        let ends = words[1].split(separator: "-", omittingEmptySubsequences: false).map(Self.port)
        guard let low = ends[0], ends.count <= 2, let high = ends.count == 2 ? ends[1] : low,
            ends.count == 1 || low < high
        else { return nil }
        self.transport = transport
        first = low
        last = high
    }

    /// Decimal digits without a leading zero.
    private static func port(_ text: Substring) -> UInt16? {
        guard text.first != "0", text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt16(text)
    }

    package var isSingle: Bool { first == last }

    /// The ports with `separator` between the ends of a range.
    package func ports(_ separator: String = "-") -> String {
        isSingle ? "\(first)" : "\(first)\(separator)\(last)"
    }

    package var description: String { "\(transport.rawValue.uppercased()) \(ports())" }
}
