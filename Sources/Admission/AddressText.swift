// Reads and writes the text of addresses. Stricter than inet_aton, the same set as inet_pton; written here
// because inet_pton stops at a NUL byte and would need the platform's C library in a pure target.
// It must never guess: what is not wholly an address is nil.
import TLS

enum AddressText {
    /// Longest text: six groups and a dotted quad, `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
    static let limit = 45

    struct Parsed {
        var value: UInt128
        /// Written with colons, whatever it folded to.
        var isIPv6Text: Bool
    }

    static func parse(_ text: some StringProtocol) -> Parsed? {
        let bytes = [UInt8](text.utf8.prefix(limit + 1))
        guard bytes.count <= limit else { return nil }
        return parse(bytes[...])
    }

    static func parse(_ bytes: ArraySlice<UInt8>) -> Parsed? {
        guard bytes.count <= limit else { return nil }
        if bytes.contains(UInt8(ascii: ":")) {
            return parseIPv6(bytes).map { Parsed(value: $0, isIPv6Text: true) }
        }
        return parseIPv4(bytes).map { Parsed(value: IPAddress.mapped | UInt128($0), isIPv6Text: false) }
    }

    static func parseIPv4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var count = 0
        for part in bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            count += 1
            guard count <= 4, let number = decimal(part, max: 255) else { return nil }
            value = value << 8 | UInt32(number)
        }
        return count == 4 ? value : nil
    }

    /// Decimal digits only, no sign, no leading zero, at most `max`.
    static func decimal(_ bytes: ArraySlice<UInt8>, max: Int) -> Int? {
        guard let first = bytes.first, bytes.count <= 5, first != UInt8(ascii: "0") || bytes.count == 1 else {
            return nil
        }
        var number = 0
        for byte in bytes {
            guard byte >= 0x30 && byte <= 0x39 else { return nil }
            number = number * 10 + Int(byte - 0x30)
        }
        return number <= max ? number : nil
    }

    private static func parseIPv6(_ bytes: ArraySlice<UInt8>) -> UInt128? {
        // At most one `::`; what stands before it is the top of the address, what follows the bottom.
        let colon = UInt8(ascii: ":")
        var gap: Int?
        for index in bytes.indices.dropLast() where bytes[index] == colon && bytes[index + 1] == colon {
            guard gap == nil else { return nil }
            gap = index
        }
        guard let gap else {
            guard let whole = groups(bytes, mayEndInIPv4: true), whole.count == 8 else { return nil }
            return whole.value
        }
        let head = bytes[..<gap]
        let tail = bytes[(gap + 2)...]
        guard let top = head.isEmpty ? (0, 0) : groups(head, mayEndInIPv4: false),
            let bottom = tail.isEmpty ? (0, 0) : groups(tail, mayEndInIPv4: true),
            top.count + bottom.count <= 7
        else { return nil }
        return (top.count == 0 ? 0 : top.value << (16 * UInt128(8 - top.count))) | bottom.value
    }

    private static func groups(
        _ bytes: ArraySlice<UInt8>, mayEndInIPv4: Bool
    ) -> (value: UInt128, count: Int)? {
        var value: UInt128 = 0
        var count = 0
        for part in bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            guard count < 8 else { return nil }
            if mayEndInIPv4, part.endIndex == bytes.endIndex, part.contains(UInt8(ascii: ".")) {
                guard let v4 = parseIPv4(part) else { return nil }
                value = value << 32 | UInt128(v4)
                count += 2
            } else {
                guard let group = hexadecimal(part) else { return nil }
                value = value << 16 | UInt128(group)
                count += 1
            }
        }
        return count <= 8 ? (value, count) : nil
    }

    private static func hexadecimal(_ bytes: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(bytes.count) else { return nil }
        var number: UInt16 = 0
        for byte in bytes {
            guard let digit = Hex.value(byte) else { return nil }
            number = number << 4 | UInt16(digit)
        }
        return number
    }

    static func format(_ ip: IPAddress) -> String {
        if ip.isIPv4 {
            let v4 = UInt32(truncatingIfNeeded: ip.value)
            return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ip.value >> (16 * UInt128(7 - $0))) }
        // RFC 5952 section 4: the longest run of two or more zero groups, the first of equals.
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8 && groups[end] == 0 { end += 1 }
            if end - start >= 2 && end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
        if best.isEmpty { return text(groups[...]) }
        return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }
}
