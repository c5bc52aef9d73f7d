// How old entries are, and moving the bytes of old ones to a segment file: the first half of sealing, outside any transaction.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerReader {
    func nextSegment(width: Int64) throws -> (
        number: Int64, entries: Range<Int64>, lastTime: Instant
    )? {
        let sealed = try segments()
        let number = (sealed.last?.number ?? -1) + 1
        let entries = number * width..<(number + 1) * width
        let time = try database.readLedger { db in
            try Int64.fetchOne(
                db,
                sql:
                    "SELECT time FROM entries WHERE seq = ? AND EXISTS (SELECT 1 FROM entries WHERE seq = ?)",
                arguments: [entries.upperBound - 1, entries.upperBound])
        }
        return time.map { (number, entries, Instant(microseconds: $0)) }
    }

    func writtenBy(_ entries: Range<Int64>, lastTime: Instant, now: Instant) throws -> Instant? {
        let last = entries.upperBound - 1
        let runs = try clockSetBacks()
        let run = runs.first { $0.seqs.contains(last) }
        if lastTime <= now, run == nil { return lastTime }
        // Behind an entry of a time to come only such a run has readings that count. The clock is behind, as a rule.
        if lastTime > now, !runs.contains(where: { $0.seqs.upperBound >= last && $0.earliest <= now }) {
            return nil
        }
        var readings = ClockReadings(now: now)
        var next = entries.lowerBound
        if lastTime <= now, let run {
            // No reading before it is later, and until the run ends none reaches it.
            readings.take(lastTime)
            next = run.seqs.upperBound + 1
        } else {
            // To read all that came before would take too long where the ledger is large.
            for segment in try segments() where segment.first < entries.lowerBound {
                if let reading = try lastReading(of: segment, now: now) { readings.take(reading) }
            }
        }
        var written: Instant?
        try forEachReadable(next..<max(next, try size())) { seq, time, json in
            if seq & 0x3FFF == 0 { try Task.checkCancellation() }
            guard let reading = Self.reading(time, json), readings.take(reading), seq >= last else {
                return true
            }
            written = reading
            return false
        }
        return written
    }

    /// What the clock said at the last entry of a segment, or the latest of what it said before; nil where neither can be told.
    private func lastReading(of segment: LedgerSegment, now: Instant) throws -> Instant? {
        if segment.lastTime <= now { return segment.lastTime }
        guard segment.removalEntry == nil else { return nil }
        var reading: Instant?
        try read(segment, from: segment.last) { seq, line in
            reading = Self.reading(nil, line)
            return seq < segment.last
        }
        return reading
    }

    private static func reading(_ time: Int64?, _ json: UnsafeRawBufferPointer) -> Instant? {
        guard let scan = EntryScan(json) else { return nil }
        return EntryScan.instant(scan.clock) ?? time.map(Instant.init(microseconds:))
            ?? EntryScan.instant(scan.time)
    }

    func hasPendingDrops(_ entries: Range<Int64>) throws -> Bool {
        try database.readLedger { db in
            try Bool.fetchOne(
                db,
                sql: "SELECT EXISTS (SELECT 1 FROM \(Schema.drops(in: .pending)) AND seq >= ? AND seq < ?)",
                arguments: [entries.lowerBound, entries.upperBound]) ?? false
        }
    }

    func writeSegment(_ number: Int64, _ entries: Range<Int64>) throws -> LedgerSegment {
        let times = try database.readLedger { db in
            try Int64.fetchAll(
                db, sql: "SELECT time FROM entries WHERE seq IN (?, ?) ORDER BY seq",
                arguments: [entries.lowerBound, entries.upperBound - 1])
        }
        guard let first = times.first, let last = times.last else {
            throw LedgerError(
                .unreadable, "entries \(entries.lowerBound) and \(entries.upperBound - 1) are not there")
        }
        var segment = LedgerSegment(
            number: number, first: entries.lowerBound, last: entries.upperBound - 1,
            firstTime: Instant(microseconds: first), lastTime: Instant(microseconds: last), sha256: [],
            bytes: 0)
        let written = try SegmentFile.write(segment.fileName, in: paths.segments, readers: paths.readers) {
            line in
            var tile: MerkleTile?
            try forEachEntry(entries) { seq, json in
                let place = Int(seq % Int64(MerkleTile.width))
                if place == 0 || tile == nil {
                    tile = try database.readLedger {
                        try StoredTree.tile($0, level: 0, number: seq / Int64(MerkleTile.width))
                    }
                }
                guard let tile, tile.hashes.count == MerkleTile.width,
                    tile.hashes[place] == MerkleHash.leaf(json)
                else {
                    throw LedgerError(
                        .forked,
                        "entry \(seq) is not what its recorded hash says, it is not sealed; see "
                            + "`dropgate ledger verify`")
                }
                try json.withUnsafeBytes(line)
            }
        }
        segment.sha256 = written.sha256
        segment.bytes = written.bytes
        return segment
    }

    func hasUnclearedEntries(below seq: Int64) throws -> Bool {
        try database.readLedger { db in
            try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM entries WHERE seq < ?)", arguments: [seq]) ?? false
        }
    }

    func removeFile(of segment: LedgerSegment) throws {
        guard segment.removalEntry != nil else { return }
        try SegmentFile.remove(segment.fileName, in: paths.segments)
    }
}
