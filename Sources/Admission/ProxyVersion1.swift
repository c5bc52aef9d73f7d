// The text form of the PROXY header: `PROXY TCP4 source destination port port`. One space, no more; strict
// addresses of the family named; ports without leading zeros.

enum ProxyVersion1 {
    /// `line` is everything before the CR LF, and begins with `PROXY `.
    static func parse(_ line: ArraySlice<UInt8>) throws(ProxyHeaderError) -> ProxyHeader {
        let words = line.split(separator: 0x20, omittingEmptySubsequences: false)
        let isIPv6: Bool
        switch String(decoding: words[1], as: UTF8.self) {
        // What follows UNKNOWN is to be ignored (section 2.1).
        case "UNKNOWN": return .unknown
        case "TCP4": isIPv6 = false
        case "TCP6": isIPv6 = true
        default: throw ProxyHeaderError(.malformed, "a version 1 header names TCP4, TCP6 or UNKNOWN")
        }
        guard words.count == 6, let source = AddressText.parse(words[2]),
            let destination = AddressText.parse(words[3]), source.isIPv6Text == isIPv6,
            destination.isIPv6Text == isIPv6
        else {
            throw ProxyHeaderError(
                .malformed,
                "a version 1 header has two addresses of its family and two ports, one space apart")
        }
        guard let sourcePort = HeaderBytes.port(words[4]), let destinationPort = HeaderBytes.port(words[5])
        else {
            throw ProxyHeaderError(.malformed, "a port is a decimal number up to 65535 without leading zeros")
        }
        return .proxied(
            source: Endpoint(ip: IPAddress(value: source.value), port: sourcePort),
            destination: Endpoint(ip: IPAddress(value: destination.value), port: destinationPort))
    }
}
