// CSV cells: quoting, and nothing that a spreadsheet takes for a formula.
import Audit
import Testing

@Suite struct CSVTests {
    @Test(arguments: [
        ("plain", "plain"), ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\r\nb", "\"a\r\nb\""), ("=\"x\"", "\"'=\"\"x\"\"\""),
        ("", ""),
    ])
    func cellsAreQuotedAndNeverFormulas(text: String, cell: String) {
        #expect(CSV.cell(text) == cell)
    }
}
