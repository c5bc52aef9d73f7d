// Where in the ledger a time lies, sealed entries included.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerReader {
    func firstSeq(notBefore instant: Instant) throws -> Int64 {
        let (sealed, unsealed) = try database.readLedger { db in
            let segment = try Self.segments(db).first { $0.lastTime >= instant }
            return (segment, segment == nil ? try SQL.firstSeq(notBefore: instant, db) : 0)
        }
        guard let segment = sealed else { return unsealed }
        if segment.firstTime >= instant || segment.removalEntry != nil { return segment.first }
        // Times rise with the numbers: of members that begin before it, only the last one may hold it.
        let path = path(of: segment)
        let starts = try SegmentFile.starts(path)
        let later = try starts.partitioned { try !isBefore(instant, line: $0, of: path) }
        var found = starts[max(later - 1, 0)]
        try SegmentFile.read(path, from: found) { number, line in
            found = number
            guard let time = EntryScan.instant(EntryScan(line)?.time), time < instant else { return false }
            found = number + 1
            return true
        }
        return segment.first + found
    }

    private func isBefore(_ instant: Instant, line: Int64, of path: String) throws -> Bool {
        var isBefore = false
        try SegmentFile.read(path, from: line) { number, line in
            isBefore = EntryScan.instant(EntryScan(line)?.time).map { $0 < instant } ?? false
            return false
        }
        return isBefore
    }

    func lastSealed() throws -> Int64 {
        try database.readLedger { try Int64.fetchOne($0, sql: "SELECT \(Schema.lastSealed)") ?? -1 }
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
                let row = TableRow(row, of: "entries")
                return try LedgerBeginning(
                    seq: row.seq("seq"), time: row.time("time"), removedUpTo: removed?.lastTime)
            }
        }
    }

    func clockSetBacks() throws -> [ClockSetBack] { try database.readLedger(ClockSetBack.all) }

    /// Gives the lines of a segment's file until `body` returns false.
    /// - Parameter seq: the first entry that is needed. Some before it may be given, too.
    func read(
        _ segment: LedgerSegment, from seq: Int64 = 0,
        _ body: (_ seq: Int64, UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        try SegmentFile.read(path(of: segment), from: max(0, seq - segment.first)) { number, line in
            try body(segment.first + number, line)
        }
    }

    func path(of segment: LedgerSegment) -> String { "\(paths.segments)/\(segment.fileName)" }
}

extension Array {
    /// The index of the first element that a condition holds for, or the count. It holds for all behind that one, too.
    fileprivate func partitioned(_ holds: (Element) throws -> Bool) rethrows -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if try holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
