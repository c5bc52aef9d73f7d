// Strikes what the probe sent in secret out of whatever a server says: servers echo paths, headers and bodies.
// It knows no protocol.
import JSON

struct SecretScrubber: Sendable {
    static let mark = "(secret)"
    /// A shorter beginning of a secret at the end of cut text is left: it tells nothing.
    private static let shortestBeginning = 4

    /// Every way of writing a secret; the longest first, so that none is left in part.
    private let forms: [[UInt8]]

    init(_ secrets: [[UInt8]]) {
        var forms: Set<[UInt8]> = []
        for secret in secrets where !secret.isEmpty { forms.formUnion(Self.writings(of: secret)) }
        self.forms = forms.sorted { $0.count > $1.count }
    }

    func bytes(_ text: [UInt8]) -> [UInt8] {
        guard !forms.isEmpty else { return text }
        var clean: [UInt8] = []
        var place = 0
        while place < text.count {
            let rest = text[place...]
            if let form = forms.first(where: { $0.first == rest.first && rest.starts(with: $0) }) {
                clean += Array(Self.mark.utf8)
                place += form.count
            } else if rest.count >= Self.shortestBeginning,
                forms.contains(where: { $0.first == rest.first && $0.starts(with: rest) })
            {
                // The text was cut in the middle of one.
                return clean + Array(Self.mark.utf8)
            } else {
                clean.append(text[place])
                place += 1
            }
        }
        return clean
    }

    func text(_ text: String) -> String { String(decoding: bytes(Array(text.utf8)), as: UTF8.self) }

    /// Strings and names of members; JSON may have escaped what `bytes` looks for.
    func json(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let string): .string(text(string))
        case .array(let values): .array(values.map(json))
        case .object(let members):
            .object(
                Dictionary(
                    members.map { (text($0.key), json($0.value)) }, uniquingKeysWith: { first, _ in first }))
        case .int, .bool: value
        }
    }

    /// As it is, and as URLs, HTML and JSON write it.
    private static func writings(of secret: [UInt8]) -> [[UInt8]] {
        func each(_ write: (UInt8) -> String?) -> [UInt8] {
            secret.flatMap { byte in write(byte).map { Array($0.utf8) } ?? [byte] }
        }
        func percent(_ byte: UInt8, _ digits: String) -> String? {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
                || "-._~".utf8.contains(byte)
            let digits = Array(digits)
            return isPlain ? nil : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }
        let html: [UInt8: String] = [
            0x26: "&amp;", 0x3C: "&lt;", 0x3E: "&gt;", 0x22: "&quot;", 0x27: "&#39;",
        ]
        return [
            secret, each { percent($0, "0123456789ABCDEF") }, each { percent($0, "0123456789abcdef") },
            each { html[$0] }, each { $0 == 0x27 ? "&#x27;" : html[$0] },
            each { [0x22: "\\\"", 0x5C: "\\\\"][$0] },
            each { [0x22: "\\\"", 0x5C: "\\\\", 0x2F: "\\/"][$0] },
        ]
    }
}
