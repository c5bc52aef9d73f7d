// Characters by which a text looks like another one, in every form of export: escaped, by the rules of the form.
import Admission
import Audit
import Foundation
import JSON
import Ledger
import Testing

@Suite struct MisleadingTextTests {
    static let scalars: [UInt32] =
        Array(0x200B...0x200F) + [0x2028, 0x2029] + Array(0x202A...0x202E) + Array(0x2060...0x2064)
        + Array(0x2066...0x2069) + [0xFEFF]

    private func sample(_ value: UInt32) throws -> (sign: Unicode.Scalar, entry: StoredEntry, escaped: String)
    {
        let sign = try #require(Unicode.Scalar(value))
        var attempt = try FormatSamples.login()
        attempt.account = "\(Character(sign))=a\(Character(sign))b"
        attempt.detail["message"] = .string("a\(Character(sign))b")
        return (sign, FormatSamples.entry(attempt), "\\u{\(String(value, radix: 16, uppercase: true))}")
    }

    private func json(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    @Test(arguments: scalars)
    func aCellShowsThemAndHidesNoFormulaBehindOne(value: UInt32) throws {
        let (sign, entry, escaped) = try sample(value)
        let record = try FormatSamples.record(.csv, entry)
        #expect(!record.unicodeScalars.contains(sign))
        #expect(record.contains(",\(escaped)=a\(escaped)b,"))
        #expect(record.contains("\"\"message\"\":\"\"a\(json(value))b\"\""))
    }

    @Test(arguments: scalars)
    func aCEFExtensionShowsThem(value: UInt32) throws {
        let (sign, entry, escaped) = try sample(value)
        let record = try FormatSamples.record(.cef, entry)
        #expect(!record.unicodeScalars.contains(sign))
        #expect(record.contains("suser=\\\(escaped)\\=a\\\(escaped)b"), "\(record)")
    }

    @Test(arguments: scalars)
    func aSyslogMessageShowsThemAndItsJSONHasTheSameValues(value: UInt32) throws {
        let (sign, entry, escaped) = try sample(value)
        let record = try FormatSamples.record(.syslog, entry)
        #expect(!record.unicodeScalars.contains(sign))
        #expect(record.contains("account=\"\\\(escaped)=a\\\(escaped)b\""), "\(record)")
        let start = try #require(record.range(of: "] {")).upperBound
        let message = try JSONValue(parsing: Array(record[record.index(before: start)...].utf8))
        #expect(try message == JSONValue(parsing: entry.json))
    }
}
