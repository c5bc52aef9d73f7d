// The lines between a session and the daemon: fields separated by tabs. Every small file waits for four of them, and JSON by
// Foundation took as long as the rest of what is done for it. Pure.

/// What came is not what was agreed on: the two programs are of different releases, as a rule.
package struct StrangeLine: Error, CustomStringConvertible {
    package var description: String {
        "what came is not a message of this release; check that the gate and its programs have the same release"
    }
}

/// What is written as fields, in an order of its own, and read back.
protocol SessionFields {
    init(_ fields: inout FieldReader) throws(StrangeLine)
    func write(_ fields: inout FieldWriter)
}

extension SessionFields {
    /// A message of this kind, newline included.
    func line(_ kind: String) -> [UInt8] {
        var fields = FieldWriter(kind)
        write(&fields)
        return fields.line()
    }
}

/// In texts a backslash stands before `t` (tab), `n` (newline) and itself. The field `\0` is none.
private enum Mark {
    static let tab = UInt8(ascii: "\t")
    static let newline = UInt8(ascii: "\n")
    static let escape = UInt8(ascii: "\\")
    static let none = [escape, UInt8(ascii: "0")]
}

struct FieldWriter {
    private var bytes: [UInt8] = []

    /// - Parameter kind: of the message, its first field.
    init(_ kind: String) {
        bytes.reserveCapacity(256)
        bytes.append(contentsOf: kind.utf8)
    }

    /// The line, newline included.
    consuming func line() -> [UInt8] {
        bytes.append(Mark.newline)
        return bytes
    }

    mutating func add(_ text: String) {
        bytes.append(Mark.tab)
        var text = text
        text.withUTF8 { utf8 in
            for byte in utf8 {
                switch byte {
                case Mark.tab: bytes += [Mark.escape, UInt8(ascii: "t")]
                case Mark.newline: bytes += [Mark.escape, UInt8(ascii: "n")]
                case Mark.escape: bytes += [Mark.escape, Mark.escape]
                default: bytes.append(byte)
                }
            }
        }
    }

    mutating func add(_ number: some FixedWidthInteger) {
        bytes.append(Mark.tab)
        bytes.append(contentsOf: String(number).utf8)
    }

    mutating func add(_ isSo: Bool) { add(isSo ? 1 : 0) }

    mutating func add<Word: RawRepresentable<String>>(_ word: Word) { add(word.rawValue) }

    mutating func add(_ text: String?) { if let text { add(text) } else { addNone() } }
    mutating func add(_ number: (some FixedWidthInteger)?) {
        if let number { add(number) } else { addNone() }
    }
    mutating func add(_ isSo: Bool?) { add(isSo.map { $0 ? 1 : 0 }) }
    mutating func add<Word: RawRepresentable<String>>(_ word: Word?) { add(word?.rawValue) }

    private mutating func addNone() {
        bytes.append(Mark.tab)
        bytes += Mark.none
    }

    /// How many, and each.
    mutating func add(_ several: [some SessionFields]) {
        add(several.count)
        for one in several { one.write(&self) }
    }

    mutating func add(_ texts: [String]?) {
        add(texts?.count)
        for text in texts ?? [] { add(text) }
    }
}

/// Reads the fields of one line from the first to the last.
struct FieldReader {
    private let bytes: [UInt8]
    private var position = 0

    /// - Parameter line: without its newline.
    init(_ line: [UInt8]) { bytes = line }

    /// Throws where fields are left.
    consuming func end() throws(StrangeLine) { guard position > bytes.count else { throw StrangeLine() } }

    /// Passes over the rest.
    mutating func skip() { position = bytes.count + 1 }

    private mutating func field() throws(StrangeLine) -> ArraySlice<UInt8> {
        guard position <= bytes.count else { throw StrangeLine() }
        let start = position
        var end = start
        while end < bytes.count, bytes[end] != Mark.tab { end += 1 }
        position = end + 1
        return bytes[start..<end]
    }

    mutating func next() throws(StrangeLine) -> String { try Self.text(field()) }

    mutating func next() throws(StrangeLine) -> String? {
        let field = try field()
        return field.elementsEqual(Mark.none) ? nil : try Self.text(field)
    }

    mutating func next<Number: FixedWidthInteger>() throws(StrangeLine) -> Number {
        try Self.number(field())
    }

    mutating func next<Number: FixedWidthInteger>() throws(StrangeLine) -> Number? {
        let field = try field()
        return field.elementsEqual(Mark.none) ? nil : try Self.number(field)
    }

    mutating func next() throws(StrangeLine) -> Bool {
        guard let isSo: Bool = try next() as Bool? else { throw StrangeLine() }
        return isSo
    }

    mutating func next() throws(StrangeLine) -> Bool? {
        switch try next() as Int? {
        case nil: nil
        case 0: false
        case 1: true
        default: throw StrangeLine()
        }
    }

    mutating func next<Word: RawRepresentable<String>>() throws(StrangeLine) -> Word {
        guard let word = Word(rawValue: try next()) else { throw StrangeLine() }
        return word
    }

    mutating func next<Word: RawRepresentable<String>>() throws(StrangeLine) -> Word? {
        guard let text: String = try next() else { return nil }
        guard let word = Word(rawValue: text) else { throw StrangeLine() }
        return word
    }

    mutating func next<One: SessionFields>() throws(StrangeLine) -> [One] {
        // A false count ends with the line.
        let count: UInt32 = try next()
        var several: [One] = []
        for _ in 0..<count { several.append(try One(&self)) }
        return several
    }

    mutating func next() throws(StrangeLine) -> [String]? {
        guard let count: UInt32 = try next() else { return nil }
        var texts: [String] = []
        for _ in 0..<count { texts.append(try next()) }
        return texts
    }

    private static func number<Number: FixedWidthInteger>(
        _ field: ArraySlice<UInt8>
    ) throws(StrangeLine) -> Number {
        // One way to write each: no sign of plus, no zero before others.
        guard let number = Number(Substring(decoding: field, as: UTF8.self)),
            field.elementsEqual(String(number).utf8)
        else { throw StrangeLine() }
        return number
    }

    private static func text(_ field: ArraySlice<UInt8>) throws(StrangeLine) -> String {
        guard field.contains(Mark.escape) else { return try valid(field) }
        var plain: [UInt8] = []
        plain.reserveCapacity(field.count)
        var rest = field[...]
        while let byte = rest.popFirst() {
            guard byte == Mark.escape else {
                plain.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "t"): plain.append(Mark.tab)
            case UInt8(ascii: "n"): plain.append(Mark.newline)
            case Mark.escape: plain.append(Mark.escape)
            default: throw StrangeLine()
            }
        }
        return try valid(plain[...])
    }

    private static func valid(_ bytes: ArraySlice<UInt8>) throws(StrangeLine) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw StrangeLine() }
        return text
    }
}
