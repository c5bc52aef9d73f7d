// How old entries are, and moving the bytes of old ones to a segment file: the first half of sealing, outside any transaction.
import Admission
import Files
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
            try Row.fetchOne(
                db,
                sql: """
                    SELECT seq, time FROM entries WHERE seq = ? AND EXISTS (SELECT 1 FROM entries WHERE seq = ?)
                    """, arguments: [entries.upperBound - 1, entries.upperBound]
            ).map { try TableRow($0, of: "entries").time("time") }
        }
        return time.map { (number, entries, $0) }
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
        // What is removed for its age must not depend on what a table alone says.
        let lastTime = try removal(of: segment)?.lastTime ?? segment.lastTime
        if lastTime <= now { return lastTime }
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
        let epoch = Instant(microseconds: 0)
        var segment = LedgerSegment(
            number: number, first: entries.lowerBound, last: entries.upperBound - 1, firstTime: epoch,
            lastTime: epoch, sha256: [], bytes: 0)
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
                    tile.hashes[place] == MerkleHash.leaf(json),
                    let time = json.withUnsafeBytes({ EntryScan.instant(EntryScan($0)?.time) })
                else {
                    throw LedgerError(
                        .forked,
                        "entry \(seq) does not match its recorded hash and is not sealed; see "
                            + "`dropgate ledger verify`")
                }
                // By the bytes, and not by the column beside them, which no hash covers.
                if seq == segment.first { segment.firstTime = time }
                if seq == segment.last { segment.lastTime = time }
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

    func requireUnaltered(_ segment: LedgerSegment) throws {
        if let entry = segment.removalEntry {
            guard try isRemovalRecorded(segment, among: segments()) else {
                throw altered(segment, "entry \(entry) does not record their removal")
            }
            return
        }
        let path = path(of: segment)
        let runs = try clockSetBacks()
        var check = SegmentCheck(segment)
        for seq in [segment.first, segment.last] {
            let recorded = try recordedLeaf(seq)
            var (isRecorded, isClockTold) = (false, true)
            try read(segment, from: seq) { number, line in
                guard number == seq else { return number < seq }
                let scan = EntryScan(line)
                check.take(seq, scan)
                isRecorded = MerkleHash.leaf(line) == recorded
                if let clock = EntryScan.instant(scan?.clock) {
                    isClockTold = runs.contains { $0.tells(clock, of: seq) }
                }
                return false
            }
            guard isRecorded else {
                throw altered(segment, "entry \(seq) in \(path) does not match its recorded hash")
            }
            guard isClockTold else {
                throw altered(segment, "table set_back lacks what the clock said at entry \(seq)")
            }
        }
        let names = try check.differences(from: path)
        guard names.isEmpty else {
            throw altered(
                segment,
                "column \(names.joined(separator: ", ")) of table segments says something else than \(path)")
        }
    }

    private func altered(_ segment: LedgerSegment, _ what: String) -> LedgerError {
        LedgerError(
            .forked, "sealed entries \(segment.first) to \(segment.last): \(what)",
            fix: "run `dropgate ledger verify`; nothing of them is removed meanwhile")
    }

    private func recordedLeaf(_ seq: Int64) throws -> MerkleHash? {
        let width = Int64(MerkleTile.width)
        let stored = try database.readLedger { try StoredTree.tile($0, level: 0, number: seq / width) }
        guard let tile = stored, tile.hashes.count == MerkleTile.width else { return nil }
        return tile.hashes[Int(seq % width)]
    }

    func removeFile(of segment: LedgerSegment) throws {
        guard segment.removalEntry != nil else { return }
        do throws(FileError) { guard try Presence.check(path(of: segment)) else { return } } catch {
            throw LedgerError(.unreadable, error.message)
        }
        try requireUnaltered(segment)
        try SegmentFile.remove(segment.fileName, in: paths.segments)
    }

    /// By its entry or, where that was removed with a later segment, by the one of that removal.
    private func isRemovalRecorded(_ segment: LedgerSegment, among segments: [LedgerSegment]) throws -> Bool {
        // Each one lies behind the one before. Whoever can write the table could make a chain of them as long as he likes.
        var segment = segment
        while true {
            if let removal = try removal(of: segment) { return removal.isOf(segment) }
            guard let holder = segment.holderOfRemoval(among: segments) else { return false }
            segment = holder
        }
    }

    /// What the entry says that records the removal of a segment; nil where there is none that says anything of one.
    private func removal(of segment: LedgerSegment) throws -> SegmentRemoval? {
        guard let entry = segment.removalEntry else { return nil }
        return try self.entry(seq: entry).flatMap { try SegmentRemoval($0.value()) }
    }
}
