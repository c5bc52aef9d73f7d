// Makes text from outside safe to store and to show: bounded, printable, and still unambiguous.
// It changes how text looks, never what is decided from it.

package enum UntrustedText {
    /// Escapes everything but printable ASCII (`\n` becomes `\u{A}`, `\` becomes `\\`), keeping the first
    /// `limit` bytes of the result and saying that something was cut.
    package static func head(_ text: some StringProtocol, limit: Int = 64) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(limit + 1) {
            let piece = escape(scalar, asciiOnly: true)
            guard result.utf8.count + piece.utf8.count <= limit else { return result + "..." }
            result += piece
        }
        return result
    }

    /// As `head`, but keeps the end: in a forwarding chain the part nearest to the gate is the one that
    /// trusted proxies wrote, and a caller must not be able to push it out with a long prefix.
    package static func tail(_ text: some StringProtocol, limit: Int) -> String {
        var pieces: [String] = []
        var size = 0
        let mark = "..."
        for scalar in text.unicodeScalars.reversed() {
            let piece = escape(scalar, asciiOnly: true)
            guard size + piece.utf8.count <= limit else {
                while size + mark.utf8.count > limit, let last = pieces.popLast() { size -= last.utf8.count }
                return mark + pieces.reversed().joined()
            }
            pieces.append(piece)
            size += piece.utf8.count
        }
        return pieces.reversed().joined()
    }

    /// For text of the operator's own files, which may be in any language: only control and format
    /// characters, line separators and `\` are escaped.
    package static func line(_ text: some StringProtocol) -> String {
        var result = ""
        for scalar in text.unicodeScalars { result += escape(scalar, asciiOnly: false) }
        return result
    }

    /// As `line`, for text of ledger and receipts, where what came from outside was escaped when it was stored: `\` stays
    /// as it is, so that nothing is escaped twice.
    package static func stored(_ text: some StringProtocol) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            result += scalar == "\\" ? "\\" : escape(scalar, asciiOnly: false)
        }
        return result
    }

    /// For whole lines that are printed: only what misleads whoever reads them is escaped.
    package static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: misleads) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if misleads(scalar) {
                result += escape(scalar, asciiOnly: true)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Writes other text for certain scalars; nil: it stays. A quotation mark with a combining mark behind it is one `Character`, which is equal to
    /// no quotation mark: to look for characters would leave it as it is.
    package static func replacing(in text: String, _ replacement: (Unicode.Scalar) -> String?) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if let replacement = replacement(scalar) {
                result += replacement
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// JSON text with what misleads written as JSON's own escapes: the same values.
    package static func json(_ bytes: [UInt8]) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.unicodeScalars.contains(where: misleads) else { return bytes }
        return text.unicodeScalars.reduce(into: []) { result, scalar in
            guard misleads(scalar) else {
                return result.append(contentsOf: Array(String(Character(scalar)).utf8))
            }
            let digits = String(scalar.value, radix: 16)
            result += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
        }
    }

    /// JSON text with everything but ASCII written as JSON's own escapes (RFC 8259 section 7): the same values.
    package static func asciiJSON(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 >= 0x7F }) else { return bytes }
        return String(decoding: bytes, as: UTF8.self).utf16.reduce(into: []) { result, unit in
            guard unit >= 0x7F else { return result.append(UInt8(unit)) }
            let digits = String(unit, radix: 16)
            result += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
        }
    }

    /// Whether a text can stand for a name that somebody types and others read: it is not empty, and has no control
    /// characters and none that mislead.
    package static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && !text.unicodeScalars.contains {
                $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || misleads($0)
            }
    }

    /// What is said about a text that is not a name.
    package static let noName =
        "it must not be empty or contain control characters, invisible characters or ones that change the writing direction"

    /// Characters by which a text looks like another one, or like two lines: zero-width ones, marks of direction,
    /// embeddings, overrides and isolates (Unicode Standard Annex 9), line and paragraph separator, invisible operators,
    /// and the byte order mark.
    package static func misleads(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x2064, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    /// For text that is hashed: escapes `\` and ASCII control characters alone, so that the result never
    /// depends on a version of Unicode.
    static func canonical(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x80 {
                result += escape(scalar, asciiOnly: true)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// What `canonical` escaped; nil for what it never writes.
    static func plain(canonical text: Substring.UnicodeScalarView) -> String? {
        var result = ""
        var rest = text
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                result.unicodeScalars.append(scalar)
                continue
            }
            switch rest.popFirst() {
            case "\\": result += "\\"
            case "u":
                guard rest.popFirst() == "{", let end = rest.firstIndex(of: "}"),
                    let value = UInt32(String(rest[..<end]), radix: 16), let plain = Unicode.Scalar(value)
                else { return nil }
                result.unicodeScalars.append(plain)
                rest = rest[rest.index(after: end)...]
            default: return nil
            }
        }
        return result
    }

    private static func escape(_ scalar: Unicode.Scalar, asciiOnly: Bool) -> String {
        if scalar == "\\" { return "\\\\" }
        if scalar.value >= 0x20 && scalar.value < 0x7F { return String(Character(scalar)) }
        if !asciiOnly, !misleads(scalar) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: break
            default: return String(Character(scalar))
            }
        }
        return "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
    }
}
