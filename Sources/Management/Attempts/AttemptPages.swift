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
    /// - Parameters:
    ///   - patience: ends after about this time, too, and goes on from there the next time; nil: at the ledger's end.
    ///   - step: entries that are looked at before the time is.
    /// - Returns: whether the end was reached.
    @discardableResult
    package mutating func read(
        within patience: Duration? = nil, step: Int64 = Look.entries, _ take: ([StoredEntry]) throws -> Bool
    ) throws -> Bool {
        let deadline = patience.map { ContinuousClock.now + $0 }
        let (below, end) = (query.below, (try reader.lastSeq() ?? -1) + 1)
        defer { query.below = below }
        query.limit = Self.size
        // People may have typed any number to begin above.
        while case let above = query.above ?? -1, above < end - 1 {
            let next = deadline == nil ? end : min(end, above + 1 + step)
            query.below = min(below ?? next, next)
            let page = try reader.entries(query)
            // What did not match is not looked at again.
            query.above = page.count == query.limit ? page.last?.seq : next - 1
            if let last = page.last, try !take(page) {
                query.above = last.seq
                return false
            }
            if let deadline, ContinuousClock.now >= deadline {
                return next == end && page.count < query.limit
            }
        }
        return true
    }
}
