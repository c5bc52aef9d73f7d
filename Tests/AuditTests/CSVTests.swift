// CSV cells: quoting, and nothing that a spreadsheet takes for a formula.
import Audit
import Testing

@Suite struct CSVTests {
    @Test(arguments: [
        ("plain", "plain"), ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\r\nb", "\"a\r\nb\""), ("=\"x\"", "\"'=\"\"x\"\"\""),
        ("", ""), ("a\"\u{301},=1", "\"a\"\"\u{301},=1\""), ("\u{301}\"", "\"\u{301}\"\"\""),
        (",\u{301}", "\",\u{301}\""),
        ("=\u{301}1", "'=\u{301}1"), ("\"\u{200d}x", "\"\"\"\\u{200D}x\""),
    ])
    func cellsAreQuotedAndNeverFormulas(text: String, cell: String) {
        // By bytes: texts that look the same are equal.
        #expect(Array(CSV.cell(text).utf8) == Array(cell.utf8), "\(CSV.cell(text))")
    }
}
