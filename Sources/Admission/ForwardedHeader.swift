// Reads one element of Forwarded (RFC 7239). It checks the whole of it, also the parameters it has no use for, because an
// element that breaks the grammar anywhere may have been put together by the caller.

struct ForwardedHeader {
    private let bytes: [UInt8]
    private var index = 0

    static func hop(_ element: ArraySlice<UInt8>) throws(ForwardingError) -> ForwardingHop {
        var parser = ForwardedHeader(bytes: Array(element))
        let hop = try parser.element()
        guard parser.index == parser.bytes.count else {
            throw ForwardingError("\"\(parser.rest)\" stands where a comma or semicolon belongs")
        }
        return hop
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var rest: String { HeaderBytes.show(bytes[index...]) }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    private mutating func skipBlanks() {
        while index < bytes.count, HeaderBytes.isBlank(bytes[index]) { index += 1 }
    }

    /// `[ pair ] *( ";" [ pair ] )`. Blanks around `;` are not in the grammar but in wide use.
    private mutating func element() throws(ForwardingError) -> ForwardingHop {
        var seen: Set<[UInt8]> = []
        var node: [UInt8]?
        repeat {
            skipBlanks()
            guard let name = token() else { continue }
            // Parameter names are case-insensitive, and each may stand once (section 4).
            let lowered = name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
            guard seen.insert(lowered).inserted else {
                throw ForwardingError("\"\(HeaderBytes.show(name))\" stands twice")
            }
            guard take(UInt8(ascii: "=")) else {
                throw ForwardingError("\"\(HeaderBytes.show(name))\" has no value")
            }
            let value = try value(of: name)
            if lowered == Array("for".utf8) { node = value }
            skipBlanks()
        } while take(HeaderBytes.semicolon)
        guard !seen.isEmpty else { throw ForwardingError("an element is empty") }
        guard let node else { return .hidden("without \"for\"") }
        return try Self.hop(node: node[...])
    }

    private mutating func token() -> ArraySlice<UInt8>? {
        let start = index
        while index < bytes.count, Self.isTokenByte(bytes[index]) { index += 1 }
        return index > start ? bytes[start..<index] : nil
    }

    private mutating func value(
        of name: ArraySlice<UInt8>
    ) throws(ForwardingError) -> [UInt8] {
        if let token = token() { return Array(token) }
        let shown = HeaderBytes.show(name)
        guard take(HeaderBytes.quote) else {
            throw ForwardingError("\"\(shown)\" has no value")
        }
        var value: [UInt8] = []
        while index < bytes.count {
            var byte = bytes[index]
            index += 1
            if byte == HeaderBytes.quote { return value }
            if byte == UInt8(ascii: "\\"), index < bytes.count {
                byte = bytes[index]
                index += 1
            }
            // A comma or a quote inside quotes is in the grammar but in no real value. Refused, because a
            // caller who opens a quote could make it swallow the hop that the proxy appends.
            guard byte == 0x09 || (byte >= 0x20 && byte != 0x7F), byte != HeaderBytes.comma,
                byte != HeaderBytes.quote
            else { throw ForwardingError("the quoted value of \"\(shown)\" is not plain") }
            value.append(byte)
        }
        throw ForwardingError("the quote of \"\(shown)\" is not closed")
    }

    /// node = nodename [ ":" node-port ] (section 6).
    private static func hop(node: ArraySlice<UInt8>) throws(ForwardingError)
        -> ForwardingHop
    {
        if let (ip, tail) = HeaderBytes.split(node) {
            guard let tail else { return .address(Endpoint(ip: ip)) }
            if let port = HeaderBytes.port(tail) { return .address(Endpoint(ip: ip, port: port)) }
            if isObfuscated(tail) { return .address(Endpoint(ip: ip)) }
        } else {
            let parts = node.split(
                separator: HeaderBytes.colon, maxSplits: 1, omittingEmptySubsequences: false)
            let isHidden = isUnknown(parts[0]) || isObfuscated(parts[0])
            let portFits = parts.count == 1 || HeaderBytes.port(parts[1]) != nil || isObfuscated(parts[1])
            if isHidden && portFits { return .hidden("\"\(HeaderBytes.show(node))\"") }
        }
        throw ForwardingError("\"for=\(HeaderBytes.show(node))\" is not a node")
    }

    private static func isUnknown(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.map { $0 | 0x20 } == Array("unknown".utf8)
    }

    /// obfnode and obfport: `_` and at least one of letters, digits, `.`, `_`, `-`.
    private static func isObfuscated(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.count >= 2 && bytes.first == UInt8(ascii: "_")
            && bytes.allSatisfy { isAlphanumeric($0) || ".-_".utf8.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    /// tchar of RFC 9110 section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
