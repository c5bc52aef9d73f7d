// What both forwarding headers have in common: blanks, and addresses written with a port. Bytes, never
// Characters: Swift joins CR LF and combining marks into one Character, and a header is not text.

enum HeaderBytes {
    static let comma = UInt8(ascii: ",")
    static let semicolon = UInt8(ascii: ";")
    static let colon = UInt8(ascii: ":")
    static let quote = UInt8(ascii: "\"")

    /// Space and tab (OWS of RFC 9110).
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let start = bytes.firstIndex { !isBlank($0) } ?? bytes.endIndex
        let end = bytes.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? start
        return bytes[start..<end]
    }

    /// Printable and bounded, for messages.
    static func show(_ bytes: ArraySlice<UInt8>) -> String {
        UntrustedText.head(String(decoding: bytes.prefix(128), as: UTF8.self))
    }

    /// `a.b.c.d` before an optional `:…`, or `[v6]` before an optional `:…`. The tail is what follows the
    /// colon, nil when there is none; its meaning differs between the headers.
    static func split(_ bytes: ArraySlice<UInt8>) -> (ip: IPAddress, tail: ArraySlice<UInt8>?)? {
        let host: ArraySlice<UInt8>
        let rest: ArraySlice<UInt8>
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = bytes[(bytes.startIndex + 1)..<end]
            rest = bytes[(end + 1)...]
            guard host.contains(colon) else { return nil }
        } else {
            let end = bytes.firstIndex(of: colon) ?? bytes.endIndex
            host = bytes[..<end]
            rest = bytes[end...]
        }
        guard let parsed = AddressText.parse(host), rest.isEmpty || rest.first == colon else { return nil }
        return (IPAddress(value: parsed.value), rest.isEmpty ? nil : rest.dropFirst())
    }

    /// 0 to 65535 without leading zeros.
    static func port(_ bytes: ArraySlice<UInt8>) -> UInt16? {
        AddressText.decimal(bytes, max: 65535).map(UInt16.init)
    }
}
