// Text from outside, made safe to show: bounded, printable, and two texts never look the same by accident.
import Admission
import Testing

@Suite struct UntrustedTextTests {
    @Test("escapes everything but printable ASCII, and the backslash")
    func escapes() {
        #expect(
            UntrustedText.head("a b\r\n\t\0\u{7F}\\é\u{202E}")
                == #"a b\u{D}\u{A}\u{9}\u{0}\u{7F}\\\u{E9}\u{202E}"#)
        #expect(UntrustedText.head("\r\n") != UntrustedText.head(#"\u{D}\u{A}"#))
    }

    @Test("keeps the beginning or the end within the limit, never half an escape")
    func bounds() {
        #expect(UntrustedText.head("abcdef", limit: 6) == "abcdef")
        #expect(UntrustedText.head("abcdefg", limit: 6) == "abcdef...")
        #expect(UntrustedText.head("abcde\n", limit: 6) == "abcde...")
        #expect(UntrustedText.tail("abcdef", limit: 6) == "abcdef")
        #expect(UntrustedText.tail("abcdefg", limit: 6) == "...efg")
        #expect(UntrustedText.tail("abcde\nf", limit: 9) == #"...\u{A}f"#)
        for limit in 3...40 {
            let tail = UntrustedText.tail(String(repeating: "x\n", count: 50), limit: limit)
            #expect(tail.utf8.count <= limit && tail.hasPrefix("..."))
        }
    }

    @Test("a mark behind a quotation mark hides it from nobody who replaces it")
    func replaces() {
        for (text, expected) in [
            ("it's", "it s"), ("it'\u{301}s", "it \u{301}s"), ("'\u{200D}'", " \u{200D} "),
            ("'\r\n", " \r\n"), ("", ""),
        ] {
            #expect(
                UntrustedText.replacing(in: text) { $0 == "'" ? " " : nil }.utf8.elementsEqual(expected.utf8),
                "\(text)")
        }
        #expect(UntrustedText.replacing(in: "abab") { $0 == "a" ? "" : "cc" } == "cccc")
    }

    /// Each by its number: what misleads must not depend on a version of Unicode.
    static let misleading: [UInt32] =
        Array(0x200B...0x200F) + [0x2028, 0x2029] + Array(0x202A...0x202E) + Array(0x2060...0x2064)
        + Array(0x2066...0x2069) + [0xFEFF, 0x061C]

    @Test("what misleads is escaped by every way of showing text, and is in no name", arguments: misleading)
    func misleads(value: UInt32) throws {
        let scalar = try #require(Unicode.Scalar(value))
        let text = "a\(Character(scalar))b"
        let escaped = "a\\u{\(String(value, radix: 16, uppercase: true))}b"
        #expect(UntrustedText.head(text) == escaped && UntrustedText.tail(text, limit: 64) == escaped)
        #expect(UntrustedText.line(text) == escaped && UntrustedText.stored(text) == escaped)
        #expect(UntrustedText.visible(text) == escaped)
        #expect(!UntrustedText.isName(text))
        let json = UntrustedText.json(Array("[\"é\(text)\\n\"]".utf8))
        let digits = String(value, radix: 16)
        let padded = String(repeating: "0", count: 4 - digits.count) + digits
        #expect(String(decoding: json, as: UTF8.self) == "[\"éa\\u\(padded)b\\n\"]")
    }

    @Test("what was escaped when it was stored is not escaped again")
    func stored() {
        let kept = UntrustedText.head("a\nb\\c")
        #expect(UntrustedText.stored(kept) == #"a\u{A}b\\c"# && UntrustedText.line(kept) == #"a\\u{A}b\\\\c"#)
        #expect(UntrustedText.stored("a\nb\u{1B}é") == #"a\u{A}b\u{1B}é"#)
    }

    @Test("a whole line keeps its tabs, colours and language")
    func visible() {
        #expect(UntrustedText.visible("\u{1B}[1ma\tb\nعيادة \\ é") == "\u{1B}[1ma\tb\nعيادة \\ é")
    }

    @Test(
        "names are words of any language",
        arguments: [
            ("Clínica عيادة", true), ("a b\\c", true), ("", false), ("a\nb", false), ("a\u{7F}", false),
            ("a\u{85}b", false),
        ])
    func names(text: String, isName: Bool) { #expect(UntrustedText.isName(text) == isName) }

    @Test("the operator's own words keep their language")
    func keepsWords() {
        #expect(
            UntrustedText.line("Clínica عيادة\n\u{2028}\u{200F}") == #"Clínica عيادة\u{A}\u{2028}\u{200F}"#)
    }
}
