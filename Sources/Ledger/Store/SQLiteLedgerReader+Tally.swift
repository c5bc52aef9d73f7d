// Makes a tally: one walk over a run of entries, sealed ones too, and which sources came before it.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerReader {
    func tally(
        _ range: Range<Int64>, of period: LedgerPeriod, step: Int64, bounds: LedgerTally.Bounds,
        progress: (_ done: Int64, _ of: Int64) -> Void
    ) throws -> LedgerTally {
        var pass = TallyPass(period: period, step: step, bounds: bounds)
        try forEachReadable(range) { seq, time, json in
            pass.take(seq, time, json)
            if seq & 0x3FFF == 0 {
                try Task.checkCancellation()
                progress(seq - range.lowerBound, Int64(range.count))
            }
            return true
        }
        return pass.tally
    }

    /// Gives the entries of a range in order, but for those that retention has removed, all of one snapshot, until the body
    /// returns false.
    /// - Parameter body: gets the time as its column has it, nil of a sealed one.
    func forEachReadable(
        _ range: Range<Int64>,
        _ body: (_ seq: Int64, _ time: Int64?, _ json: UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        try database.readLedger { db in
            var next = range.lowerBound
            var goesOn = true
            for segment in try Self.segments(db)
            where segment.first < range.upperBound && segment.last >= next {
                next = max(next, segment.first)
                if segment.removalEntry == nil {
                    try read(segment, from: next) { seq, line in
                        if seq >= next, seq < range.upperBound { goesOn = try body(seq, nil, line) }
                        return goesOn && seq + 1 < range.upperBound
                    }
                    guard goesOn else { return }
                }
                next = segment.last + 1
            }
            guard next < range.upperBound else { return }
            let rows = try EntryRows(db, from: next)
            while let row = try rows.next(), row.seq < range.upperBound {
                guard try body(row.seq, row.checkedTime(), row.json) else { return }
            }
        }
    }

    func seen(_ sources: Set<IPAddress>, before seq: Int64) throws -> Set<IPAddress> {
        var found = try seenUnsealed(sources, before: seq)
        // The newest segment first: who comes now came lately.
        for segment in try segments().reversed() where segment.first < seq && segment.removalEntry == nil {
            try Task.checkCancellation()
            var unknown: [[UInt8]: IPAddress] = [:]
            for source in sources.subtracting(found) { unknown[Array(source.description.utf8)] = source }
            if unknown.isEmpty { break }
            var next = segment.first
            try read(segment) { _, line in
                if let ip = EntryScan(line)?.ip, let source = unknown.removeValue(forKey: Array(ip)) {
                    found.insert(source)
                }
                next += 1
                return next < seq && !unknown.isEmpty
            }
        }
        return found
    }

    /// A snapshot for each day: what is sealed meanwhile is found in its segment, and the writer's log is not kept for all of it.
    private func seenUnsealed(_ sources: Set<IPAddress>, before seq: Int64) throws -> Set<IPAddress> {
        let days: (first: Int64, last: Int64)? = try database.readLedger { db in
            func end(_ direction: String) throws -> Int64? {
                try Row.fetchOne(
                    db,
                    sql: """
                        SELECT seq, time FROM entries WHERE \(Self.isUnsealed) AND seq < ?
                        ORDER BY seq\(direction) LIMIT 1
                        """, arguments: [seq]
                ).map { try TableRow($0, of: "entries").time("time").microseconds / LedgerTally.day }
            }
            guard let first = try end(""), let last = try end(" DESC") else { return nil }
            return (first, last)
        }
        guard let days else { return [] }
        var (unknown, found) = (sources, Set<IPAddress>())
        var next: Int64? = days.last
        while let day = next, day >= days.first, !unknown.isEmpty {
            try Task.checkCancellation()
            next = try database.readLedger { db in
                let lookUp = try db.cachedStatement(sql: Self.callOfDay)
                for source in unknown
                where try Int.fetchOne(lookUp, arguments: [day, Data(SourceKey.bytes(source)), seq]) != nil {
                    found.insert(source)
                }
                return try Self.day(before: day, db.cachedStatement(sql: Self.dayBefore))
            }
            unknown.subtract(found)
        }
        return found
    }

    private static let isUnsealed = "seq > \(Schema.lastSealed)"

    private static let callOfDay = """
        SELECT 1 FROM entries WHERE time / 86400000000 = ? AND source = ? AND seq < ? AND \(isUnsealed) LIMIT 1
        """

    /// The newest day before another on which somebody called: where the clock has leapt, many days have nobody.
    static let dayBefore = """
        SELECT time / 86400000000 FROM entries WHERE time / 86400000000 < ? AND source IS NOT NULL
        ORDER BY time / 86400000000 DESC LIMIT 1
        """
}
