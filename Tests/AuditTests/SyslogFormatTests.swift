// RFC 5424: header, structured data and message of entries.
import Admission
import Audit
import JSON
import Ledger
import Testing

@Suite struct SyslogFormatTests {
    @Test func aMessageHasHeaderStructuredDataAndTheEntry() throws {
        let entry = FormatSamples.entry(try FormatSamples.refused())
        #expect(
            try FormatSamples.record(.syslog, entry)
                == "<108>1 2026-11-23T08:15:30.123456Z gate-1 dropgate - connection.rejected "
                + "[meta sequenceId=\"43\"][dropgate@0 seq=\"42\" kind=\"connection\" channel=\"webhook\" "
                + "verdict=\"rejected\" reason=\"not_listed\" source=\"192.0.2.1\" count=\"7\"] "
                + String(decoding: entry.json, as: UTF8.self))
    }

    @Test(
        arguments: [
            (Verdict.accepted, Reason.listed, 110), (.observed, .notListed, 109),
            (.rejected, .notListed, 108),
            (.rejected, .ledgerFailed, 107), (.rejected, .stagingFull, 107),
        ])
    func thePriorityTellsTheVerdict(verdict: Verdict, reason: Reason, priority: Int) throws {
        let attempt = Attempt(kind: .request, channel: .webhook, verdict: verdict, reason: reason)
        let message = try FormatSamples.record(.syslog, FormatSamples.entry(attempt))
        #expect(message.hasPrefix("<\(priority)>1 "))
    }

    @Test func aStopByAnErrorIsAnError() throws {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .stopped)
        attempt.detail["error"] = "x"
        #expect(try FormatSamples.record(.syslog, FormatSamples.entry(attempt)).hasPrefix("<107>1 "))
    }

    @Test func parameterValuesAreEscaped() throws {
        let message = try FormatSamples.record(.syslog, FormatSamples.entry(FormatSamples.hostile()))
        let account = #"a=b|c\\\\d\]e\"f\\u{D}\\u{A}<13>1 g\\u{2028}\\u{7F}ü"#
        #expect(message.contains(" account=\"\(account)\"] {"), "\(message)")
    }

    /// RFC 5424 section 6.4: text in UTF-8 begins with a byte order mark; what is ASCII alone needs none.
    @Test func theMessageIsASCIIAndItsJSONHasTheSameValues() throws {
        var attempt = try FormatSamples.request()
        attempt.drop?.name = "Ärzte/日本/𝄞\u{7F}.xml"
        attempt.detail["note"] = "\u{202E}a\\b\"c\u{0}"
        let entry = FormatSamples.entry(attempt)
        let message = try EntryFormat.syslog.message(entry)
        let start = try #require(message.firstRange(of: Array("] {".utf8))?.lowerBound)
        let json = Array(message[(start + 2)...])
        #expect(json.allSatisfy { (0x20...0x7E).contains($0) })
        #expect(try JSONValue(parsing: json) == JSONValue(parsing: entry.json))
    }

    @Test(arguments: [(Int64(0), "[dropgate@0 seq="), (4711, "[dropgate@4711 seq=")])
    func theStructuredDataIsNamedByTheOperatorsOwnNumber(enterprise: Int64, name: String) throws {
        let entry = FormatSamples.entry(FormatSamples.access())
        let message = String(
            decoding: try EntryFormat.syslog(enterprise: enterprise).message(entry), as: UTF8.self)
        #expect(message.contains("][dropgate@" + name.dropFirst(10)) && !message.contains("32473"))
    }

    @Test(
        arguments: [
            (0, 1), (1, 2), (2_147_483_646, 2_147_483_647), (2_147_483_647, 1), (2_147_483_648, 2),
            (-1, 2_147_483_647),
        ] as [(Int64, Int64)])
    func theSequenceIdWraps(seq: Int64, id: Int64) throws {
        let entry = FormatSamples.entry(FormatSamples.access(), seq: seq)
        #expect(try FormatSamples.record(.syslog, entry).contains("[meta sequenceId=\"\(id)\"]"))
    }

    @Test func theHostNameIsPrintableAndNeverEmpty() throws {
        let odd = FormatSamples.entry(FormatSamples.access(), node: "a b\nü")
        #expect(try FormatSamples.record(.syslog, odd).contains("Z a_b__ dropgate - access.accepted ["))
        let none = FormatSamples.entry(FormatSamples.access(), node: "")
        #expect(try FormatSamples.record(.syslog, none).contains("Z - dropgate - "))
    }
}
