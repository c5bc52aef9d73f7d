// What holds for every format: line endings, one record an entry, and nothing that makes it fail.
import Audit
import Foundation
import JSON
import Ledger
import Testing

@Suite struct EntryFormatTests {
    @Test func jsonLinesAreTheCanonicalBytes() throws {
        let entry = FormatSamples.entry(try FormatSamples.hostile())
        #expect(try EntryFormat.jsonl.record(entry) == entry.json + [0x0A])
    }

    @Test(arguments: EntryFormat.allCases)
    func aRecordIsOneLineWithItsEnding(format: EntryFormat) throws {
        let formatter = format
        #expect((formatter.header != nil) == (format == .csv))
        for attempt in try FormatSamples.all() + [FormatSamples.hostile()] {
            let entry = FormatSamples.entry(attempt)
            let message = try formatter.message(entry)
            #expect(try formatter.record(entry) == message + (format == .csv ? [13, 10] : [10]))
            if format != .csv { #expect(!message.contains { $0 < 0x20 || $0 == 0x0A }) }
            #expect(String(validating: message, as: UTF8.self) != nil)
        }
    }

    @Test(arguments: EntryFormat.allCases)
    func entriesOfAnotherProgramDoNotMakeItFail(format: EntryFormat) throws {
        for json in FormatSamples.strange {
            let message = try format.message(FormatSamples.stored(Array(json.utf8)))
            #expect(!message.isEmpty)
        }
    }

    @Test(arguments: [EntryFormat.ecs, .ocsf])
    func membersThatNoFormatKnowsAreKept(format: EntryFormat) throws {
        let entry = FormatSamples.stored(Array(FormatSamples.strange[1].utf8))
        let document = try FormatSamples.document(format, entry)
        let rest = document[format == .ecs ? "dropgate" : "unmapped"]
        #expect(rest?["new"] == ["a": [1, true]])
        #expect(rest?["verdict"] == "undecided")
    }

    @Test func whatIsNoJSONIsAnError() {
        for format in EntryFormat.allCases where format != .jsonl {
            #expect(throws: LedgerError.self) {
                try format.message(FormatSamples.stored([0x7B]))
            }
        }
    }

    @Test func csvShowsADetailAsOneCell() throws {
        let header = String(decoding: try #require(EntryFormat.csv.header), as: UTF8.self)
        #expect(header.hasPrefix("seq,time,node,kind,") && header.hasSuffix(",policy,detail\r\n"))
        let row = try FormatSamples.record(.csv, FormatSamples.entry(FormatSamples.access()))
        #expect(
            row.hasPrefix("42,\(FormatSamples.timeText),gate-1,access,,accepted,exported,")
                && row.hasSuffix(
                    #","{""command"":""attempts"",""query"":""--verdict rejected"",""uid"":1001,""user"":""ops""}""#
                ))
    }
}
