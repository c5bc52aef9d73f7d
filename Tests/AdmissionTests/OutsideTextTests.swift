// Text from outside, made safe to show: bounded, printable, and two texts never look the same by accident.
import Admission
import Testing

@Suite struct OutsideTextTests {
    @Test("escapes everything but printable ASCII, and the backslash")
    func escapes() {
        #expect(
            OutsideText.head("a b\r\n\t\0\u{7F}\\é\u{202E}")
                == #"a b\u{D}\u{A}\u{9}\u{0}\u{7F}\\\u{E9}\u{202E}"#)
        #expect(OutsideText.head("\r\n") != OutsideText.head(#"\u{D}\u{A}"#))
    }

    @Test("keeps the beginning or the end within the limit, never half an escape")
    func bounds() {
        #expect(OutsideText.head("abcdef", limit: 6) == "abcdef")
        #expect(OutsideText.head("abcdefg", limit: 6) == "abcdef...")
        #expect(OutsideText.head("abcde\n", limit: 6) == "abcde...")
        #expect(OutsideText.tail("abcdef", limit: 6) == "abcdef")
        #expect(OutsideText.tail("abcdefg", limit: 6) == "...efg")
        #expect(OutsideText.tail("abcde\nf", limit: 9) == #"...\u{A}f"#)
        for limit in 3...40 {
            let tail = OutsideText.tail(String(repeating: "x\n", count: 50), limit: limit)
            #expect(tail.utf8.count <= limit && tail.hasPrefix("..."))
        }
    }

    @Test("the operator's own words keep their language")
    func keepsWords() {
        #expect(OutsideText.line("Clínica عيادة\n\u{2028}\u{200F}") == #"Clínica عيادة\u{A}\u{2028}\u{200F}"#)
    }
}
