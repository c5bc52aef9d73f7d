// The canonical bytes are what is hashed: sorted, without spaces, the same for the same value.
import Admission
import Foundation
import JSON
import Ledger
import Support
import Testing

@Suite struct CanonicalJSONTests {
    private static let table: [(JSONValue, String)] = [
        (JSONValue.string("a\"b\\c\n\u{1}é"), #""a\"b\\c\n\u0001é""#),
        (["b": 1, "a": [true, "x", -5]], #"{"a":[true,"x",-5],"b":1}"#),
        ([:], "{}"),
        (["é": 1, "z": 2], #"{"z":2,"é":1}"#),
    ]

    @Test(arguments: table)
    func writesSortedMembersWithoutSpaces(value: JSONValue, text: String) {
        #expect(String(decoding: CanonicalJSON.encode(value), as: UTF8.self) == text)
    }

    @Test func everyValueSurvivesEncodingAndParsing() throws {
        var random = SplitMix(seed: 7)
        for _ in 0..<2000 {
            let value = JSONValue.object(["v": Self.value(depth: 4, &random)])
            #expect(try JSONValue(parsing: CanonicalJSON.encode(value)) == value)
        }
    }

    /// RFC 8785, section 3.2.2.2, byte by byte.
    private static func escaped(_ text: String) -> [UInt8] {
        let letters: [UInt8: String] = [
            0x22: "\\\"", 0x5C: "\\\\", 0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r",
        ]
        return text.utf8.flatMap { byte in
            if let letters = letters[byte] { return Array(letters.utf8) }
            return byte < 0x20 ? Array(String(format: "\\u%04x", Int(byte)).utf8) : [byte]
        }
    }

    private static func expectEscaped(_ text: String) {
        let found = CanonicalJSON.encode(.string(text))
        if found != [0x22] + escaped(text) + [0x22] { Issue.record("\(Array(text.utf8)): \(found)") }
    }

    @Test func eachByteIsEscapedWhereverItStands() {
        for byte in (0..<0x80).map(UInt8.init) {
            for before in 0..<18 {
                for after in [0, 1, 7, 8, 9] {
                    let text = String(repeating: "x", count: before) + String(UnicodeScalar(byte))
                    Self.expectEscaped(text + String(repeating: "é", count: after))
                }
            }
        }
    }

    @Test func longTextsAreEscapedAsAWhole() {
        var random = SplitMix(seed: 8)
        let rare: [Character] = ["\"", "\\", "\u{0}", "\u{1f}", "\n", "é", "\u{10ffff}", "\u{7f}"]
        for _ in 0..<3000 {
            let every = Int.random(in: 1...40, using: &random)
            Self.expectEscaped(
                String(
                    (0..<Int.random(in: 0...700, using: &random)).map { _ in
                        Int.random(in: 0..<every, using: &random) == 0
                            ? rare.randomElement(using: &random) ?? "x" : "x"
                    }))
        }
        // All of it escaped, around the length that is escaped at once.
        for count in [159, 160, 161, 319, 320, 321, 5000] {
            Self.expectEscaped(String(repeating: "\u{1}", count: count))
        }
    }

    @Test func aBridgedStringIsEscapedAsAnyOther() {
        Self.expectEscaped(NSString(string: "a\"b\u{e9}\u{2028}\n") as String)
    }

    private static func value(depth: Int, _ random: inout SplitMix) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 5 : 3), using: &random) {
        case 0: return .int(Int64.random(in: -1 << 50...1 << 50, using: &random))
        case 1: return .bool(Bool.random(using: &random))
        case 2:
            let scalars = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
                Unicode.Scalar(UInt32.random(in: 0..<0xD800, using: &random)) ?? "x"
            }
            return .string(String(String.UnicodeScalarView(scalars)))
        case 3: return .array((0..<3).map { _ in value(depth: depth - 1, &random) })
        default:
            return .object(["b": value(depth: depth - 1, &random), "a": value(depth: depth - 1, &random)])
        }
    }

    @Test func anEntryIsCanonicalInEveryShape() throws {
        var attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        attempt.source = Endpoint(ip: try IPAddress("20.21.208.105"), port: 40112)
        attempt.peer = Endpoint(ip: try IPAddress("2001:db8::1"), port: 1)
        attempt.addressMode = .proxyProtocol
        attempt.entries = ["vsee-qatar/clinic", "vsee-qatar/messenger"]
        attempt.policy = "sha256:00"
        attempt.account = "acme"
        attempt.credential = "SHA256:x"
        attempt.request = RequestFacts(id: "r", method: "POST", path: "/webhooks/vsee", status: 200)
        attempt.drop = DropFacts(id: "d", name: "n\"", bytes: 5, sha256: "00", eventID: "e", eventType: "t")
        attempt.detail = ["z": 1, "a": ["b"]]
        attempt.count = 3
        attempt.first = Instant(microseconds: 1)
        attempt.last = Instant(microseconds: 2)
        let entry = EntryBytes(
            attempt, seq: 42, time: Instant(microseconds: 1_795_421_730_123_456), node: "gate-1")
        #expect(CanonicalJSON.encode(try JSONValue(parsing: entry.json)) == entry.json)
        let bare = EntryBytes(
            Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started), seq: 0,
            time: Instant(microseconds: 0), node: "n")
        #expect(
            String(decoding: bare.json, as: UTF8.self)
                == #"{"count":1,"kind":"service","node":"n","reason":"started","seq":0,"time":"1970-01-01T00:00:00.000000Z","verdict":"accepted"}"#
        )
    }
}
