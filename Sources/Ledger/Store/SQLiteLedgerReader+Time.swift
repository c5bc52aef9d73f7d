// Where in the ledger a time lies, sealed entries included.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerReader {
    func firstSeq(notBefore instant: Instant) throws -> Int64 {
        let segments = try segments()
        guard let segment = segments.first(where: { $0.lastTime >= instant }) else {
            let found = try database.readLedger { try SQL.firstSeq(notBefore: instant, $0) }
            return max(found, (segments.last?.last ?? -1) + 1)
        }
        if segment.firstTime >= instant || segment.removalEntry != nil { return segment.first }
        var seq = segment.first
        try read(segment) { line in
            guard let time = EntryScan.instant(EntryScan(line)?.time), time < instant else { return false }
            seq += 1
            return true
        }
        return seq
    }

    func seqs(of period: LedgerPeriod) throws -> Range<Int64> {
        let low = try period.since.map(firstSeq) ?? 0
        guard let until = period.until else { return low..<max(low, try size()) }
        let last = try database.readLedger { try SQL.lastSetBack(in: period, $0) }
        return low..<max(low, try firstSeq(notBefore: until), last + 1)
    }

    func beginning() throws -> LedgerBeginning? {
        try database.readLedger { db in
            let segments = try Self.segments(db)
            let removed = segments.last { $0.removalEntry != nil }
            if let first = segments.first(where: { $0.removalEntry == nil && $0.first > removed?.last ?? -1 })
            {
                return LedgerBeginning(
                    seq: first.first, time: first.firstTime, removedUpTo: removed?.lastTime)
            }
            return try Row.fetchOne(
                db, sql: "SELECT seq, time FROM entries WHERE seq > ? ORDER BY seq LIMIT 1",
                arguments: [removed?.last ?? -1]
            ).map { row in
                LedgerBeginning(
                    seq: row["seq"], time: Instant(microseconds: row["time"]), removedUpTo: removed?.lastTime)
            }
        }
    }

    func clockSetBacks() throws -> [ClockSetBack] { try database.readLedger(ClockSetBack.all) }

    /// Gives the lines of a segment's file until `body` returns false.
    func read(_ segment: LedgerSegment, _ body: (UnsafeRawBufferPointer) throws -> Bool) throws {
        try SegmentFile.read("\(paths.segments)/\(segment.fileName)", body)
    }
}
