// Reads entries in the order of their seq, page after page. Entries are only ever added at the end and become
// visible in the order of seq, so what lies below a seen head never changes: nothing is skipped or repeated.
package import Ledger

package struct AttemptPages {
    private static let size = 1000

    private let reader: any LedgerReading
    private var query: LedgerQuery

    /// Begins above `above`.
    package init(_ reader: any LedgerReading, _ query: LedgerQuery, above: Int64?) {
        self.reader = reader
        self.query = query
        self.query.order = .oldestFirst
        self.query.above = above
        self.query.after = nil
    }

    /// Gives all entries that are there now and were not given before, in pages. Ends early when `take` returns
    /// false.
    package mutating func read(_ take: ([StoredEntry]) throws -> Bool) throws {
        let end = (try reader.lastSeq() ?? -1) + 1
        let below = query.below
        query.below = min(below ?? end, end)
        defer { query.below = below }
        query.limit = Self.size
        while case let page = try reader.entries(query), let last = page.last {
            query.above = last.seq
            guard try take(page) else { return }
            if page.count < query.limit { break }
        }
        // What did not match is not looked at again.
        query.above = max(query.above ?? -1, end - 1)
    }
}
