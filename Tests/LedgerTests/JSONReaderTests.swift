// Reading JSON: what RFC 8259 allows and a `JSONValue` can hold, and nothing else. Foundation's decoder is the other opinion.
import Foundation
import Support
import Testing

@testable import JSON

@Suite struct JSONReaderTests {
    private static func read(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    @Test(
        arguments: [
            ("\"\"", ""), (#" "a" "#, "a"), ("\t[\r\n]\n", []), ("{ }", [:]), ("true", true),
            ("false", false),
            ("0", 0), ("-0", 0), ("10", 10), ("9223372036854775807", .int(.max)),
            ("-9223372036854775808", .int(.min)),
            (#"[1,[2,[]],{"a":[{"b":"c"}]}]"#, [1, [2, []], ["a": [["b": "c"]]]]),
            (#"{"a" : 1 , "b":{"a":2}, "":false}"#, ["a": 1, "b": ["a": 2], "": false]),
            (#""\"\\\/\b\f\n\r\t\u0041\u00e9\uD83D\ude00""#, "\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{1f600}"),
            (#""é 😀 \u0000 \uffff""#, "é 😀 \0 \u{ffff}"), (#"{"\u0061":1}"#, ["a": 1]),
            ("[1 ,2\n, 3 ]", [1, 2, 3]), ("\"\u{7f}\u{80}\u{2028}\"", "\u{7f}\u{80}\u{2028}"),
        ] as [(String, JSONValue)])
    func whatMayBeWrittenIsRead(text: String, value: JSONValue) throws {
        #expect(try Self.read(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "null", "[null]", "tru", "True", "truefalse", "1 2", "1,", "[1,]", "[,1]", "[1 2]",
        "[", "]", "[1", "[1}",
        "{", "}", "{]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#, #"{"a":1 "b":2}"#, "{a:1}",
        "{1:1}", #"{"a":1]"#,
        #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, "'a'", #""a"#, "\"", #""\""#, #""\x""#, #""\u12""#,
        #""\u12g4""#, "\"\n\"",
        "\"\u{1f}\"", #""\ud83d""#, #""\ud83dx""#, #""\ud83d\u0041""#, #""\ude00""#, #""\ude00\ud83d""#, "01",
        "-", "--1", "+1",
        "-01", ".5", "1.", "1.0", "1e3", "1E3", "0x1", "9223372036854775808", "-9223372036854775809",
        "99999999999999999999999999", "NaN", "Infinity", "\u{feff}1", "1\u{0}", "/**/1", "[1]//", "\u{a0}1",
    ])
    func whatMayNotIsRefused(text: String) {
        let error = #expect(throws: JSONValueError.self) { try Self.read(text) }
        #expect(error?.description.hasPrefix("not a JSON value of strings, integers, booleans") == true)
    }

    @Test(arguments: [
        [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0x5C, 0x6E, 0xC3, 0x22],
        [0x22, 0xED, 0xA0, 0x80, 0x22], [0x80],
    ])
    func whatIsNotUTF8IsRefused(bytes: [UInt8]) {
        #expect(throws: JSONValueError.self) { try JSONValue(parsing: bytes) }
    }

    @Test func howDeepListsAndObjectsMayLieIsBounded() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: #"[{"a":"#, count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)
        }
        #expect(try Self.read(nested(JSONReader.deepest)).array?.count == 1)
        #expect(throws: JSONValueError.self) { try Self.read(nested(JSONReader.deepest + 2)) }
        #expect(throws: JSONValueError.self) { try Self.read(String(repeating: "[", count: 1_000_000)) }
    }

    /// Texts with one byte changed, taken out or put in. What is read is what Foundation reads. What Foundation reads and this does
    /// not has a reason that is named.
    @Test func ofDamagedTextsNothingIsReadThatIsNotThere() throws {
        let texts = [
            #"{"account":null,"a":[1,-20,"x\n\u00e9é😀"],"detail":{"b":true,"c":false},"seq":12,"time":"2026-11-29T10:00:00Z"}"#,
            #"[[],{},"\\\"","\ud83d\ude00",0,9223372036854775807]"#, #" { "é" : [ 1 , 2 ] , "f" : { } } "#,
        ].map { Array($0.replacing("null", with: "7").utf8) }
        let bytes = Array(#"{}[]",:\ 0123456789-+.eEutfn"#.utf8) + [0, 0x0A, 0x7F, 0x80, 0xC3, 0xFF]
        var random = SplitMix(seed: 7)
        var read = 0
        for _ in 0..<20_000 {
            var text = texts[Int.random(in: 0..<texts.count, using: &random)]
            let place = Int.random(in: 0..<text.count, using: &random)
            let byte = bytes[Int.random(in: 0..<bytes.count, using: &random)]
            switch Int.random(in: 0..<3, using: &random) {
            case 0: text[place] = byte
            case 1: text.remove(at: place)
            default: text.insert(byte, at: place)
            }
            let shown = String(decoding: text, as: UTF8.self)
            let other = try? JSONDecoder().decode(JSONValue.self, from: Data(text))
            do {
                let value = try JSONValue(parsing: text)
                read += 1
                #expect(value == other, "\(shown)")
                #expect(try JSONValue(parsing: CanonicalJSON.encode(value)) == value, "\(shown)")
            } catch {
                guard other != nil else { continue }
                let reasons = [
                    "same name", "fraction or an exponent", "stands behind", "is written like this",
                    "64 bits",
                ]
                // Foundation also takes a comma behind the last element.
                let isComma = shown.contains(/,\s*[\]}]/)
                #expect(isComma || reasons.contains { error.description.contains($0) }, "\(shown): \(error)")
            }
        }
        #expect(read > 1000)
    }
}
