// Reads one JSON text (RFC 8259) into a `JSONValue`, strictly. Entries are read in great numbers: by who asks for attempts, by each
// forwarder, and by the stager when more events wait than the memory is to hold. With Foundation's decoder, which tries one type after
// the other, an export of 460,000 entries as CSV took 28 s, with this 14.

/// What is read so far of one text. A failure ends it.
struct JSONReader {
    /// Lists and objects within each other. Entries have some five; a text from outside is not to exhaust the stack.
    static let deepest = 128

    private let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0
    private var depth = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Throws `JSONValueError` for what is no JSON text, for what a `JSONValue` cannot hold, and for two members of one name: which
    /// of them counts is nowhere said (RFC 8259 section 4).
    static func read(_ bytes: [UInt8]) throws(JSONValueError) -> JSONValue {
        let result = bytes.withUnsafeBufferPointer { bytes in
            Result { () throws(JSONValueError) in
                var reader = JSONReader(bytes)
                let value = try reader.value()
                reader.skipSpace()
                guard reader.place == bytes.count else {
                    throw reader.failed("something stands behind the value")
                }
                return value
            }
        }
        return try result.get()
    }

    private func failed(_ what: String) -> JSONValueError {
        JSONValueError(
            description:
                "not a JSON value of strings, integers, booleans, lists and objects: \(what) (byte \(place))")
    }

    // MARK: Values

    private mutating func value() throws(JSONValueError) -> JSONValue {
        skipSpace()
        guard let first = peek() else { throw failed("it ends early") }
        switch first {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return try nested { reader throws(JSONValueError) in try reader.object() }
        case UInt8(ascii: "["): return try nested { reader throws(JSONValueError) in try reader.array() }
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .int(try integer())
        case UInt8(ascii: "t") where take("true"): return .bool(true)
        case UInt8(ascii: "f") where take("false"): return .bool(false)
        case UInt8(ascii: "n") where take("null"): throw failed("null")
        default: throw failed("no value begins like this")
        }
    }

    private mutating func nested(
        _ read: (inout JSONReader) throws(JSONValueError) -> JSONValue
    ) throws(JSONValueError) -> JSONValue {
        guard depth < Self.deepest else { throw failed("lists and objects are too deep within each other") }
        depth += 1
        place += 1
        defer { depth -= 1 }
        return try read(&self)
    }

    private mutating func array() throws(JSONValueError) -> JSONValue {
        var values: [JSONValue] = []
        if ends(with: UInt8(ascii: "]")) { return .array(values) }
        repeat { values.append(try value()) } while try goesOn(until: UInt8(ascii: "]"))
        return .array(values)
    }

    private mutating func object() throws(JSONValueError) -> JSONValue {
        var members: [String: JSONValue] = [:]
        if ends(with: UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard peek() == UInt8(ascii: "\"") else { throw failed("a member needs a name") }
            let name = try string()
            skipSpace()
            guard peek() == UInt8(ascii: ":") else { throw failed("a name needs a colon") }
            place += 1
            guard members.updateValue(try value(), forKey: name) == nil else {
                throw failed("two members have the same name")
            }
        } while try goesOn(until: UInt8(ascii: "}"))
        return .object(members)
    }

    /// Whether an empty list or object ends here.
    private mutating func ends(with bracket: UInt8) -> Bool {
        skipSpace()
        guard peek() == bracket else { return false }
        place += 1
        return true
    }

    /// Whether another element follows, behind its comma; false: the bracket has come.
    private mutating func goesOn(until bracket: UInt8) throws(JSONValueError) -> Bool {
        skipSpace()
        guard let next = peek(), next == bracket || next == UInt8(ascii: ",") else {
            throw failed("a list or an object does not go on like this")
        }
        place += 1
        return next != bracket
    }

    /// Without fraction and exponent, and without a zero before other digits.
    private mutating func integer() throws(JSONValueError) -> Int64 {
        let isNegative = peek() == UInt8(ascii: "-")
        if isNegative { place += 1 }
        let first = place
        var number: Int64 = 0
        while let byte = peek(), case UInt8(ascii: "0")...UInt8(ascii: "9") = byte {
            let digit = Int64(byte - UInt8(ascii: "0"))
            let (shifted, overflows) = number.multipliedReportingOverflow(by: 10)
            // Towards the sign's side: the lowest number has no positive one.
            let (sum, overflowsToo) =
                isNegative
                ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
            guard !overflows, !overflowsToo else { throw failed("a number of more than 64 bits") }
            number = sum
            place += 1
        }
        let digits = place - first
        guard digits == 1 || digits > 1 && bytes[first] != UInt8(ascii: "0") else {
            throw failed("no number is written like this")
        }
        switch peek() {
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
            throw failed("a fraction or an exponent")
        default: return number
        }
    }

    // MARK: Strings

    private mutating func string() throws(JSONValueError) -> String {
        place += 1
        let first = place
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                defer { place += 1 }
                return try text(bytes[first..<place])
            case UInt8(ascii: "\\"): return try escapedString(from: first)
            case 0..<0x20: throw failed("a control character in a string")
            default: place += 1
            }
        }
        throw failed("a string without end")
    }

    private func text(_ bytes: some Collection<UInt8>) throws(JSONValueError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw failed("a string that is not UTF-8")
        }
        return text
    }

    /// A string in which the first escape has been found.
    private mutating func escapedString(from first: Int) throws(JSONValueError) -> String {
        var plain = Array(bytes[first..<place])
        while let byte = peek() {
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(plain)
            case UInt8(ascii: "\\"): try escape(to: &plain)
            case 0..<0x20: throw failed("a control character in a string")
            default: plain.append(byte)
            }
        }
        throw failed("a string without end")
    }

    private mutating func escape(to plain: inout [UInt8]) throws(JSONValueError) {
        guard let letter = peek() else { throw failed("a string without end") }
        place += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain.append(letter)
        case UInt8(ascii: "b"): plain.append(0x08)
        case UInt8(ascii: "f"): plain.append(0x0C)
        case UInt8(ascii: "n"): plain.append(0x0A)
        case UInt8(ascii: "r"): plain.append(0x0D)
        case UInt8(ascii: "t"): plain.append(0x09)
        case UInt8(ascii: "u"): plain += UTF8.encode(try scalar()).unsafelyUnwrapped
        default: throw failed("no escape is written like this")
        }
    }

    /// Of one `\u`, or of two that are a surrogate pair (RFC 8259 section 7).
    private mutating func scalar() throws(JSONValueError) -> Unicode.Scalar {
        let unit = try hexadecimal()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, take("\\u") else { throw failed("half of a surrogate pair") }
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
        else { throw failed("half of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(JSONValueError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failed("four hexadecimal digits are missing")
            }
            unit = unit << 4 + UInt32(digit)
            place += 1
        }
        return unit
    }

    // MARK: Bytes

    private func peek() -> UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func take(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        let wanted = UnsafeBufferPointer(start: word.utf8Start, count: count)
        guard bytes.count - place >= count, bytes[place..<place + count].elementsEqual(wanted) else {
            return false
        }
        place += count
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
    }
}
