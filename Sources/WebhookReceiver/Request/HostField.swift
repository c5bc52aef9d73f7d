// Whether a Host field, or the authority of a target, is one: `uri-host [ ":" port ]` (RFC 9110, 7.2; RFC 3986, 3.2).
// The gate serves whatever name it is called by; two programs must only not read one differently.
import Admission
import TLS

enum HostField {
    /// An empty one is valid: a target without authority has it (RFC 9112, 3.2).
    static func isValid(_ field: some Collection<UInt8>) -> Bool {
        var rest = Array(field)[...]
        if rest.first == UInt8(ascii: "[") {
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return false }
            guard isLiteral(rest[1..<end]) else { return false }
            rest = rest[(end + 1)...]
        } else {
            let end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
            guard isName(rest[..<end]) else { return false }
            rest = rest[end...]
        }
        guard let colon = rest.first else { return true }
        // A port may be left out behind its colon (RFC 3986, 3.2.3).
        let port = rest.dropFirst()
        return colon == UInt8(ascii: ":") && port.count <= 5 && port.allSatisfy(isDigit)
            && (port.isEmpty || Int(String(decoding: port, as: UTF8.self)).map { $0 <= 65535 } == true)
    }

    /// Whether two name the same host and port of https: case does not count, nor does the port that would be taken anyway.
    static func areSame(_ one: String, _ other: String) -> Bool {
        func plain(_ field: String) -> String {
            let lower = field.lowercased()
            return [":443", ":"].first { lower.hasSuffix($0) }.map { String(lower.dropLast($0.count)) }
                ?? lower
        }
        return plain(one) == plain(other)
    }

    /// reg-name; an IPv4 address is one, too.
    private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
        var index = name.startIndex
        while index < name.endIndex {
            let byte = name[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < name.endIndex, Hex.value(name[index + 1]) != nil,
                    Hex.value(name[index + 2]) != nil
                else { return false }
                index += 3
            } else {
                guard isLetter(byte) || isDigit(byte) || "-._~!$&'()*+,;=".utf8.contains(byte) else {
                    return false
                }
                index += 1
            }
        }
        return true
    }

    /// IPv6address; IPvFuture has never been used.
    private static func isLiteral(_ text: ArraySlice<UInt8>) -> Bool {
        text.contains(UInt8(ascii: ":")) && (try? IPAddress(String(decoding: text, as: UTF8.self))) != nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}
