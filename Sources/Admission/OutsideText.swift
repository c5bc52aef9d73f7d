// Makes text from outside safe to store and to show: bounded, printable, and still unambiguous.
// It changes how text looks, never what is decided from it.

package enum OutsideText {
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

    private static func escape(_ scalar: Unicode.Scalar, asciiOnly: Bool) -> String {
        if scalar == "\\" { return "\\\\" }
        if scalar.value >= 0x20 && scalar.value < 0x7F { return String(Character(scalar)) }
        if !asciiOnly {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: break
            default: return String(Character(scalar))
            }
        }
        return "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
    }
}
