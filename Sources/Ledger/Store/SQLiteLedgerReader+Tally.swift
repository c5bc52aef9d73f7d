// Makes a tally: one walk over a run of entries, sealed ones too, and which sources came before it.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerReader {
    func tally(
        _ range: Range<Int64>, of period: LedgerPeriod, step: Int64,
        progress: (_ done: Int64, _ of: Int64) -> Void
    ) throws -> LedgerTally {
        var pass = TallyPass(period: period, step: step)
        try forEachReadable(range) { seq, time, json in
            pass.take(seq, time, json)
            if seq & 0x3FFF == 0 {
                try Task.checkCancellation()
                progress(seq - range.lowerBound, Int64(range.count))
            }
        }
        return pass.tally
    }

    /// Gives the entries of a range in order, but for those that retention has removed, all of one snapshot.
    /// - Parameter body: gets the time as its column has it, nil of a sealed one.
    private func forEachReadable(
        _ range: Range<Int64>,
        _ body: (_ seq: Int64, _ time: Int64?, _ json: UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try database.readLedger { db in
            var next = range.lowerBound
            for segment in try Self.segments(db)
            where segment.first < range.upperBound && segment.last >= next {
                next = max(next, segment.first)
                if segment.removalEntry == nil {
                    try read(segment, from: next) { seq, line in
                        if seq >= next, seq < range.upperBound { try body(seq, nil, line) }
                        return seq + 1 < range.upperBound
                    }
                }
                next = segment.last + 1
            }
            guard next < range.upperBound else { return }
            let rows = try EntryRows(db, from: next)
            while let row = try rows.next(), row.seq < range.upperBound {
                try body(row.seq, row.time, row.json)
            }
        }
    }

    func seen(_ sources: Set<IPAddress>, before seq: Int64) throws -> Set<IPAddress> {
        var found = try seenUnsealed(sources, before: seq)
        // The newest segment first: who comes now came lately.
        for segment in try segments().reversed() where segment.first < seq && segment.removalEntry == nil {
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

    private func seenUnsealed(_ sources: Set<IPAddress>, before seq: Int64) throws -> Set<IPAddress> {
        try database.readLedger { db in
            let bounds = try Row.fetchOne(
                db,
                sql: """
                    SELECT (SELECT time FROM entries WHERE seq < :seq ORDER BY seq LIMIT 1) / 86400000000,
                      (SELECT time FROM entries WHERE seq < :seq ORDER BY seq DESC LIMIT 1) / 86400000000
                    """, arguments: ["seq": seq])
            guard let first = bounds?[0] as Int64?, let last = bounds?[1] as Int64? else { return [] }
            let lookUp = try db.makeStatement(
                sql: "SELECT 1 FROM entries WHERE time / 86400000000 = ? AND source = ? AND seq < ? LIMIT 1")
            var (unknown, found) = (sources, Set<IPAddress>())
            for day in (first...last).reversed() where !unknown.isEmpty {
                for source in unknown
                where try Int.fetchOne(lookUp, arguments: [day, Data(SourceKey.bytes(source)), seq]) != nil {
                    found.insert(source)
                }
                unknown.subtract(found)
            }
            return found
        }
    }
}
