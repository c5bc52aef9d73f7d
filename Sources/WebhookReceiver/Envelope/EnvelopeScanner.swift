// Reads the members of a body's outermost JSON object that make up VSee's envelope, tolerating what VSee's own
// samples contain: comments and trailing commas. It is not a JSON validator, never recurses and never throws.
import TLS

/// The members of the outermost object that payload.
struct EnvelopeMembers: Sendable, Equatable {
    /// A member's value: absent, a string fit to index, or something else.
    enum Value: Sendable, Equatable {
        case absent, text(String), other

        var text: String? { if case .text(let text) = self { text } else { nil } }
    }

    var version = Value.absent
    var id = Value.absent
    var type = Value.absent
    var accountCode = Value.absent
    var clinicCode = Value.absent
    /// The bytes were one object from the first to the last, and no member above came twice.
    var isWhole = false
    /// They begin as an object or a list does, behind a byte order mark, white space and comments.
    var looksLikeJSON = false
}

struct EnvelopeScanner {
    /// Unicode scalars of an indexed string.
    static let longestText = 200
    /// Open brackets within a member's value.
    static let deepest = 512

    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func scan() -> EnvelopeMembers {
        var members = EnvelopeMembers()
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
        guard skipSpace() else { return members }
        members.looksLikeJSON = [UInt8(ascii: "{"), UInt8(ascii: "[")].contains(bytes[at])
        guard take(UInt8(ascii: "{")) else { return members }
        var repeated = false
        while skipSpace() {
            if take(UInt8(ascii: "}")) {
                let more = skipSpace()
                members.isWhole = !more && at == bytes.count && !repeated
                return members
            }
            if take(UInt8(ascii: ",")) { continue }
            guard let key = stringRange(), skipSpace(), take(UInt8(ascii: ":")), skipSpace() else { break }
            guard readValue(of: key, into: &members, repeated: &repeated) else { break }
        }
        return members
    }

    /// Reads the value at hand for `key`; false when the bytes are no value.
    private mutating func readValue(
        of key: Range<Int>, into members: inout EnvelopeMembers, repeated: inout Bool
    ) -> Bool {
        guard let name = name(key) else { return skipValue() }
        var value = EnvelopeMembers.Value.other
        if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
            guard let range = stringRange() else { return false }
            value = text(range).map(EnvelopeMembers.Value.text) ?? .other
        } else {
            guard skipValue() else { return false }
        }
        switch name {
        case .version: Self.keepFirst(value, in: &members.version, &repeated)
        case .id: Self.keepFirst(value, in: &members.id, &repeated)
        case .type: Self.keepFirst(value, in: &members.type, &repeated)
        case .accountCode: Self.keepFirst(value, in: &members.accountCode, &repeated)
        case .clinicCode: Self.keepFirst(value, in: &members.clinicCode, &repeated)
        }
        return true
    }

    private enum Name: String, CaseIterable {
        case version, id, type
        case accountCode = "account_code"
        case clinicCode = "clinic_code"

        static let spelled = allCases.map { (name: $0, bytes: Array($0.rawValue.utf8)) }
    }

    /// The member that a key names, by what it stands for: it may be written with escapes.
    private func name(_ key: Range<Int>) -> Name? {
        guard bytes[key].contains(UInt8(ascii: "\\")) else {
            return Name.spelled.first { $0.bytes.elementsEqual(bytes[key]) }?.name
        }
        return text(key).flatMap(Name.init)
    }

    /// Two ids in one body are two meanings; the first is indexed and the body counts as unrecognised.
    private static func keepFirst(
        _ value: EnvelopeMembers.Value, in slot: inout EnvelopeMembers.Value, _ repeated: inout Bool
    ) {
        if slot == .absent { slot = value } else { repeated = true }
    }
}

// Moving over bytes.
extension EnvelopeScanner {
    private mutating func take(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    /// Skips white space and comments. False at the end of the bytes, and for a comment that never ends.
    private mutating func skipSpace() -> Bool {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            case UInt8(ascii: "/"):
                guard skipComment() else { return false }
            default: return true
            }
        }
        return false
    }

    /// At a slash: skips `// …` or `/* … */`. False when it is neither, or never ends.
    private mutating func skipComment() -> Bool {
        guard at + 1 < bytes.count else { return false }
        switch bytes[at + 1] {
        case UInt8(ascii: "/"):
            at += 2
            while at < bytes.count, bytes[at] != 0x0A, bytes[at] != 0x0D { at += 1 }
            return true
        case UInt8(ascii: "*"):
            var next = at + 2
            while next + 1 < bytes.count {
                if bytes[next] == UInt8(ascii: "*"), bytes[next + 1] == UInt8(ascii: "/") {
                    at = next + 2
                    return true
                }
                next += 1
            }
            return false
        default:
            return false
        }
    }

    /// At a quote: steps behind the string and returns the range between its quotes. Nil if it never ends.
    private mutating func stringRange() -> Range<Int>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = at
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                at += 1
                return start..<(at - 1)
            case UInt8(ascii: "\\"): at += 2
            default: at += 1
            }
        }
        at = bytes.count
        return nil
    }

    private mutating func skipValue() -> Bool {
        guard at < bytes.count else { return false }
        switch bytes[at] {
        case UInt8(ascii: "\""): return stringRange() != nil
        case UInt8(ascii: "{"), UInt8(ascii: "["): return skipNested()
        default: return skipScalar()
        }
    }

    /// A number or word: everything up to a delimiter, at least one byte.
    private mutating func skipScalar() -> Bool {
        let start = at
        loop: while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: "/"),
                UInt8(ascii: ":"),
                UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), 0...0x20:
                break loop
            default: at += 1
            }
        }
        return at > start
    }

    /// At an opening bracket: steps behind the one that closes it.
    private mutating func skipNested() -> Bool {
        var depth = 0
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                at += 1
                if depth > Self.deepest { return false }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                at += 1
                if depth == 0 { return true }
            case UInt8(ascii: "\""):
                if stringRange() == nil { return false }
            case UInt8(ascii: "/"):
                guard skipComment() else { return false }
            default: at += 1
            }
        }
        return false
    }
}

// Strings.
extension EnvelopeScanner {
    /// The string between two quotes if it is fit to be indexed: 1 to 200 scalars of UTF-8, no control, format or
    /// separator characters, nothing badly escaped.
    private func text(_ range: Range<Int>) -> String? {
        // The longest escape of one scalar is a surrogate pair: 12 bytes.
        guard !range.isEmpty, range.count <= 12 * Self.longestText else { return nil }
        // As a rule nothing is to be worked out.
        if bytes[range].allSatisfy(Self.isPlain) {
            return range.count <= Self.longestText ? String(decoding: bytes[range], as: UTF8.self) : nil
        }
        var raw: [UInt8] = []
        raw.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            guard bytes[index] == UInt8(ascii: "\\") else {
                raw.append(bytes[index])
                index += 1
                continue
            }
            guard let scalar = escaped(at: &index, end: range.upperBound) else { return nil }
            raw.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
        guard let text = String(validating: raw, as: UTF8.self) else { return nil }
        var count = 0
        for scalar in text.unicodeScalars {
            count += 1
            guard count <= Self.longestText, Self.isIndexable(scalar) else { return nil }
        }
        return text
    }

    /// A character of its own, indexable and no escape.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte < 0x80 && byte != UInt8(ascii: "\\") && isIndexable(Unicode.Scalar(byte))
    }

    private static func isIndexable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: return false
        default: return true
        }
    }

    /// The scalar that the escape at `index` stands for (RFC 8259, 7); `index` steps behind it.
    private func escaped(at index: inout Int, end: Int) -> Unicode.Scalar? {
        guard index + 1 < end else { return nil }
        let letter = bytes[index + 1]
        index += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            guard let first = hexUnit(at: &index, end: end) else { return nil }
            guard first & 0xFC00 == 0xD800 else { return Unicode.Scalar(first) }
            guard index + 1 < end, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
            else { return nil }
            index += 2
            guard let second = hexUnit(at: &index, end: end), second & 0xFC00 == 0xDC00 else { return nil }
            return Unicode.Scalar(0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF))
        default: return nil
        }
    }

    private func hexUnit(at index: inout Int, end: Int) -> UInt32? {
        guard index + 4 <= end else { return nil }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Hex.value(bytes[index]) else { return nil }
            unit = unit << 4 | UInt32(digit)
            index += 1
        }
        return unit
    }
}
