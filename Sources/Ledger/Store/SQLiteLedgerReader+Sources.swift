// Which addresses of a block have called: one step in the index of sources for each, however often they called.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerReader {
    func sources(in blocks: [CIDRBlock], since: Instant, limit: Int) throws -> [IPAddress] {
        try database.readLedger { db in
            let first = since.microseconds / LedgerTally.day
            let dayBefore = try db.makeStatement(sql: Self.dayBefore)
            let next = try db.makeStatement(
                sql: """
                    SELECT source FROM entries WHERE time / 86400000000 = ? AND source IS NOT NULL AND source >= ?
                    AND source <= ? AND length(source) = 16 AND seq > \(Schema.lastSealed)
                    ORDER BY source LIMIT 1
                    """)
            var known: Set<IPAddress> = []
            var found: [IPAddress] = []
            var last = try Int64.fetchOne(dayBefore, arguments: [Int64.max])
            while let day = last, day >= first {
                for (low, high) in blocks.map(SourceKey.range) {
                    var start = Data(low)
                    while let key = try Data.fetchOne(next, arguments: [day, start, Data(high)]) {
                        guard found.count < limit else { return found }
                        if let ip = IPAddress(bytes: [UInt8](key)), known.insert(ip).inserted {
                            found.append(ip)
                        }
                        // Nothing sorts between a key and itself with a zero behind it.
                        start = key + [0]
                    }
                }
                try Task.checkCancellation()
                last = try Self.day(before: day, dayBefore)
            }
            return found
        }
    }

    /// The newest day before another on which somebody called; nil where there is none. Throws `LedgerError(.unreadable)` for a fraction,
    /// which somebody has written there: it lies before the day that it is rounded to.
    /// - Parameter statement: `dayBefore`.
    static func day(before day: Int64, _ statement: Statement) throws -> Int64? {
        guard let before = try Int64.fetchOne(statement, arguments: [day]) else { return nil }
        guard before < day else { throw LedgerError.damaged(column: "time", of: "entries", row: nil) }
        return before
    }
}
