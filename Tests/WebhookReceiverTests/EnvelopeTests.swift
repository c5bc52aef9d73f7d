// What the envelope scanner recognises, and that no bytes at all can hurt it.
import Foundation
import Support
import Testing

@testable import WebhookReceiver

enum Samples {
    static let v2 = """
        {"version":"2.0","id":"5c34979c-30dc-496c-8cd3-6eb9925862c1","type":"visit.ended",
         "created":1546950556,"clinic_code":"xxx","data":{"id":"28540","member_id":"60610",
         "provider_id":null,"start":1546950546,"end":1546951446,"actual_start":1546950546,
         "actual_end":1546950555,"status":"cancelled","status_updated_by":"60610"}}
        """
    static let v1 = """
        {"version": "1.0", "id": "7d1", "type": "user.created", "created": 1546950556,
         "account_code": "acme", "data": {"id": "1", "type": "inner", "start": "1546950546"}}
        """
    /// As VSee's wiki prints them: comments and trailing commas.
    static let loose = """
        // a visit
        {
            "version": "2.0", /* beta */
            "id": "9", // unique "id"
            "type": "visit.invoice.processed",
            "clinic_code": "xxx",
            "data": { "invoice": { "status": "paid", /* } */ "amount_due": 100, }, "list": [1, [2, "]"],], },
        }
        """
}

@Suite struct EnvelopeTests {
    /// What a body is labelled with, whatever it looks like.
    private static func labels(_ body: [UInt8]) -> Envelope {
        var envelope = Envelope.read(body)
        envelope.looksLikeJSON = false
        return envelope
    }

    @Test(
        arguments: [
            (Samples.v2, Envelope.Form.v2, "5c34979c-30dc-496c-8cd3-6eb9925862c1", "visit.ended"),
            (Samples.v1, .v1, "7d1", "user.created"), (Samples.loose, .v2, "9", "visit.invoice.processed"),
            ("\u{FEFF}" + Samples.v1, .v1, "7d1", "user.created"),
            (#"{"version":"2.0","id":"a\u0041\n".."#, .unrecognised, nil, nil),
            (
                #"{"id":"x","type":"visit.moved","version":"2.0","clinic_code":"c"}"#, .unrecognised, "x",
                "visit.moved"
            ),
            (
                #"{"id":"x","type":"visit.ended","version":"2.0","account_code":"c"}"#, .unrecognised, "x",
                "visit.ended"
            ),
            (
                #"{"id":"x","type":"visit.ended","version":"3.0","clinic_code":"c"}"#, .unrecognised, "x",
                "visit.ended"
            ),
            (
                #"{"id":"x","type":"visit.ended","version":2.0,"clinic_code":"c"}"#, .unrecognised, "x",
                "visit.ended"
            ),
            (
                #"{"id":7,"type":"visit.ended","version":"2.0","clinic_code":"c"}"#, .unrecognised, nil,
                "visit.ended"
            ),
            (
                #"{"id":"x","id":"y","type":"visit.ended","version":"2.0","clinic_code":"c"}"#, .unrecognised,
                "x", "visit.ended"
            ),
            (
                #"{"id":"x","type":"visit.ended","version":"2.0","clinic_code":"c"} {}"#, .unrecognised, "x",
                "visit.ended"
            ),
            (
                #"{"id":"x","type":"visit.ended","version":"2.0","clinic_code":"c","data":{"#, .unrecognised,
                "x", "visit.ended"
            ),
            (
                #"{"\u0069d":"caf\u00e9 \ud83d\ude00","type":"visit.ended","version":"2.0","clinic_code":"c"}"#,
                .v2, "café 😀", "visit.ended"
            ),
            (
                #"{"id":"\ud83d","type":"visit.ended","version":"2.0","clinic_code":"c"}"#, .unrecognised,
                nil, "visit.ended"
            ),
            (
                #"{"id":"","type":"visit.ended","version":"2.0","clinic_code":"c"}"#, .unrecognised, nil,
                "visit.ended"
            ),
            (#"{"data":{"id":"inner","type":"visit.ended"}}"#, .unrecognised, nil, nil),
            ("[1,2]", .unrecognised, nil, nil), ("", .unrecognised, nil, nil), ("{", .unrecognised, nil, nil),
            ("{}", .unrecognised, nil, nil), ("<xml/>", .unrecognised, nil, nil),
            ("/* never ends", .unrecognised, nil, nil),
            ("{\"id\":\"a\u{202E}b\"}", .unrecognised, nil, nil),
            ("{\"id\":\"a\u{0}b\"}", .unrecognised, nil, nil),
        ] as [(String, Envelope.Form, String?, String?)])
    func labelsABody(body: String, form: Envelope.Form, id: String?, type: String?) {
        #expect(Self.labels(Array(body.utf8)) == Envelope(form: form, eventID: id, eventType: type))
    }

    @Test(arguments: ["é", "e"], [(200, true), (201, false)])
    func indexesStringsUpToTwoHundredCharacters(letter: String, _ given: (count: Int, isIndexed: Bool)) {
        let (count, isIndexed) = given
        let id = String(repeating: letter, count: count)
        let body = #"{"id":"\#(id)","type":"visit.ended","version":"2.0","clinic_code":"c"}"#
        #expect(Envelope.read(Array(body.utf8)).eventID == (isIndexed ? id : nil))
        #expect(Envelope.read(Array(body.utf8)).form == (isIndexed ? .v2 : .unrecognised))
    }

    /// RFC 8259 section 8.3: a key is what its escapes stand for.
    @Test(arguments: ["version", "id", "type", "clinic_code"])
    func aKeyMayBeWrittenWithEscapes(key: String) {
        let plain = #"{"id":"x","type":"visit.ended","version":"2.0","clinic_code":"c"}"#
        let escaped = key.utf8.map { byte in #"\u00"# + String(byte, radix: 16) }.joined()
        for written in [escaped, escaped.prefix(6) + key.dropFirst()] {
            let body = plain.replacingOccurrences(of: "\"\(key)\":", with: "\"\(written)\":")
            #expect(body != plain && Envelope.read(Array(body.utf8)) == Envelope.read(Array(plain.utf8)))
        }
        #expect(Envelope.read(Array(plain.utf8)).form == .v2)
    }

    @Test(arguments: ["i", "idd", "Id", "i\\u0064d", "id\\", "\\id", ""])
    func aKeyThatIsOnlyLikeOneIsNone(key: String) {
        #expect(Envelope.read(Array("{\"\(key)\":\"x\"}".utf8)).eventID == nil)
    }

    @Test(arguments: [("a", true), ("~ ", true), ("a\u{7F}", false), ("a\u{1F}", false), ("a\\n", false)])
    func onlyWhatCanBeReadIsIndexed(id: String, isIndexed: Bool) {
        #expect((Envelope.read(Array("{\"id\":\"\(id)\"}".utf8)).eventID == id) == isIndexed)
    }

    @Test func deepNestingIsBounded() {
        func body(_ depth: Int) -> [UInt8] {
            let nested = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return Array(
                #"{"id":"x","type":"visit.ended","version":"2.0","clinic_code":"c","data":\#(nested)}"#.utf8)
        }
        #expect(Envelope.read(body(EnvelopeScanner.deepest)).form == .v2)
        #expect(Envelope.read(body(EnvelopeScanner.deepest + 1)).form == .unrecognised)
        #expect(Envelope.read(body(1_000_000)).eventID == "x")
    }

    @Test func bytesThatAreNotUTF8AreNotIndexed() {
        let body = Array(#"{"id":""#.utf8) + [0xFF, 0xC0, 0x80] + Array(#"","type":"visit.ended"}"#.utf8)
        #expect(Self.labels(body) == Envelope(form: .unrecognised, eventID: nil, eventType: "visit.ended"))
    }
}

@Suite struct EnvelopeFuzzTests {
    private static let pieces: [[UInt8]] =
        [
            "\"", "\\", "\\u", "{", "}", "[", "]", ",", ":", "/*", "*/", "//", "\n", "null", "\"id\":",
            "\"version\":\"2.0\"",
            "\\ud800", "1e9",
        ].map { Array($0.utf8) } + [[0], [0xFF], [0xC3], [0xEF, 0xBB, 0xBF]]

    private static func mutated(_ body: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var body = body
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let at = Int.random(in: 0...body.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0 where at < body.count: body[at] = UInt8.random(in: 0...255, using: &random)
            case 1 where at < body.count: body.remove(at: at)
            case 2: body.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: at)
            case 3: body.removeLast(body.count - at)
            default:
                let end = Int.random(in: at...body.count, using: &random)
                body.insert(contentsOf: body[at..<end], at: at)
            }
        }
        return body
    }

    /// 30,000 mutations of the samples, the same ones every time.
    @Test(arguments: [Samples.v1, Samples.v2, Samples.loose])
    func anyBytesGiveALabelThatIsSafeToIndex(sample: String) throws {
        var random = SplitMix(seed: 0x5EED)
        for _ in 0..<10_000 {
            let body = Self.mutated(Array(sample.utf8), &random)
            let envelope = Envelope.read(body)
            for text in [envelope.eventID, envelope.eventType].compactMap({ $0 }) {
                #expect((1...200).contains(text.unicodeScalars.count))
                #expect(text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
            }
            if envelope.form != .unrecognised {
                #expect(envelope.eventID != nil && Envelope.knownTypes.contains(envelope.eventType ?? ""))
            }
        }
    }

    /// Where a strict parser understands a body, the scanner understands the same.
    @Test(arguments: [Samples.v1, Samples.v2])
    func agreesWithAStrictParser(sample: String) throws {
        var random = SplitMix(seed: 77)
        var compared = 0
        for _ in 0..<10_000 {
            let body = Self.mutated(Array(sample.utf8), &random)
            guard let object = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] else {
                continue
            }
            var scanner = EnvelopeScanner(body)
            let members = scanner.scan()
            // A repeated key has no one meaning; both readings are right.
            guard members.isWhole else { continue }
            compared += 1
            for (key, value) in [("id", members.id), ("type", members.type), ("version", members.version)] {
                switch value {
                case .text(let text):
                    #expect(object[key] as? String == text, "\(String(decoding: body, as: UTF8.self))")
                case .absent: #expect(object[key] == nil, "\(String(decoding: body, as: UTF8.self))")
                case .other: break
                }
            }
        }
        #expect(compared > 500)
    }

    @Test(arguments: [
        ("{}", true), ("[1]", true), ("\u{FEFF}{}", true), ("// VSee\n{}", true), (" /* a */\r\n\t[", true),
        ("\u{FEFF} // a\n /**/ {\"id\":", true), ("", false), ("// {}", false), ("/* {} ", false),
        ("a{}", false),
        ("\"{\"", false), ("\u{1F}\u{8B}{", false),
    ])
    func oneReaderTellsWhatIsJSON(body: String, looksLikeJSON: Bool) {
        #expect(Envelope.read(Array(body.utf8)).looksLikeJSON == looksLikeJSON)
    }
}
