// The Common Event Format: header, keys and escaping.
import Admission
import Audit
import Ledger
import Testing

@Suite struct CEFFormatTests {
    @Test func aRefusalHasItsHeaderAndKeys() throws {
        #expect(
            try FormatSamples.record(.cef, FormatSamples.entry(FormatSamples.refused()))
                == "CEF:0|Dropgate|dropgate|\(Product.version)|connection:not_listed|"
                + "connection rejected: not_listed|5|rt=1795421730123 externalId=42 dvchost=gate-1 cat=connection "
                + "act=rejected outcome=failure reason=not_listed app=webhook src=192.0.2.1 spt=4000 cnt=7 "
                + "start=1795421730123 end=1795421731123 cs1Label=policy cs1=sha256:abc "
                + "msg=rejected connection from 192.0.2.1 on webhook: not_listed")
    }

    @Test func aStoredWebhookNamesRequestAndFile() throws {
        let record = try FormatSamples.record(.cef, FormatSamples.entry(FormatSamples.request()))
        for pair in [
            "requestMethod=POST request=/webhooks/vsee ", " fsize=512 ", " cn1Label=httpStatus cn1=200 ",
            " cs2Label=sourceEntries cs2=vsee-qatar/clinic vsee-qatar/messenger ",
            " cs6Label=eventType cs6=visit.ended ",
        ] {
            #expect(record.contains(pair), "\(pair)")
        }
    }

    /// The dictionary's integers have 32 bits, and files may have more bytes.
    @Test func largeNumbersStandInCustomFields() throws {
        var attempt = try FormatSamples.request()
        attempt.drop?.bytes = 2_147_483_647
        #expect(try FormatSamples.record(.cef, FormatSamples.entry(attempt)).contains(" fsize=2147483647 "))
        attempt.drop?.bytes = 10_737_418_240
        attempt.count = 3_000_000_000
        let record = try FormatSamples.record(.cef, FormatSamples.entry(attempt))
        #expect(record.contains(" cn2Label=fileSize cn2=10737418240 "))
        #expect(record.contains(" cn3Label=count cn3=3000000000 "))
        #expect(!record.contains(" fsize=") && !record.contains(" cnt="))
    }

    @Test func valuesCannotMakeKeysOrLines() throws {
        let record = try FormatSamples.record(.cef, FormatSamples.entry(FormatSamples.hostile()))
        #expect(record.contains(#" suser=a\=b|c\\d]e"f\r\n<13>1 g\\u{2028} ü "#), "\(record)")
        #expect(
            record.contains(" c6a2Label=Source IPv6 Address c6a2=2001:db8::5 ") && !record.contains(" src="))
    }

    @Test func theHeaderIsEscaped() throws {
        let json = #"{"kind":"a|b\\c\n","reason":"r=1","verdict":"v"}"#
        let record = try FormatSamples.record(.cef, FormatSamples.stored(Array(json.utf8)))
        #expect(record.contains(#"|a\|b\\c :r=1|a\|b\\c  v: r=1|5|"#), "\(record)")
    }
}
