// What the query of a request to the API says, and what is none.
import Admission
import Ledger
import Testing

@testable import Console

@Suite struct QueryParameterTests {
    @Test(
        arguments: [
            ("a", "a"), ("a+b", "a b"), ("a%20b", "a b"), ("%C3%a4", "ä"), ("%2B", "+"), ("", ""),
            ("%00", "\0"), ("%", nil),
            ("%4", nil), ("%4x", nil), ("%ff", nil), ("%C3", nil), ("%+1", nil),
        ] as [(String, String?)])
    func valuesAreDecodedStrictly(_ text: String, _ value: String?) {
        #expect(QueryParameters.decoded(Substring(text)) == value)
    }

    private func query(_ text: String) throws -> LedgerQuery {
        var parameters = try QueryParameters(text)
        let query = try parameters.attempts()
        try parameters.end()
        return query
    }

    @Test func filtersMayComeMoreThanOnce() throws {
        let query = try query(
            "reason=listed&reason=duplicate&source=20.21.208.105&source=2001:db8::%2F32&account=a%26b")
        #expect(query.reasons == [.listed, .duplicate] && query.accounts == ["a&b"])
        #expect(query.sources.map(\.description) == ["20.21.208.105/32", "2001:db8::/32"])
        #expect(try self.query("").reasons.isEmpty)
    }

    @Test(arguments: [
        "x=1", "reason=no", "since=2026", "since=2026-11-23T08:00:00Z&since=2026-11-23T08:00:00Z",
        "source=1.2.3.4/8",
        "text=", "&&=", "reason", "reason=listed%",
    ])
    func whatIsNotMeantIsRefused(_ text: String) {
        #expect(throws: Problem.self) { try query(text) }
    }

    @Test(
        arguments: [
            ("n=1", 1), ("n=0", nil), ("n=9", nil), ("n=01", nil), ("n=+1", nil), ("n=1.0", nil), ("n=", nil),
            ("n=1&n=1", nil),
            ("n=99999999999999999999", nil),
        ] as [(String, Int64?)])
    func numbersAreInTheirRange(_ text: String, _ number: Int64?) {
        #expect(
            (try? {
                var parameters = try QueryParameters(text)
                return try parameters.number("n", in: 1...8)
            }()) == number)
    }

    @Test func aQueryIsBounded() {
        #expect(throws: Problem.self) { try QueryParameters(String(repeating: "a=1&", count: 300)) }
        #expect(throws: Problem.self) { try QueryParameters("a=" + String(repeating: "x", count: 9000)) }
    }
}
