// The tree and the checkpoints as a reader has them: proofs and what was signed.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerReader {
    func size() throws -> Int64 { try database.readLedger { try Self.size($0) } }

    static func size(_ db: Database) throws -> Int64 {
        if let last = try lastSeq(db) { return last + 1 }
        return try Int64.fetchOne(
            db, sql: "SELECT max(last) + 1 FROM segments WHERE \(LedgerSegment.isPossibleRow)") ?? 0
    }

    /// Numbers that the gate gives to no entry are left out.
    static func lastSeq(_ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db, sql: "SELECT seq FROM entries WHERE seq >= 0 AND seq < ? ORDER BY seq DESC LIMIT 1",
            arguments: [LedgerLimits.entries])
    }

    func newestCheckpoint() throws -> SignedCheckpoint? { try database.readLedger(CheckpointTable.newest) }

    func checkpoint(covering size: Int64) throws -> SignedCheckpoint? {
        try database.readLedger { db in
            try String.fetchOne(
                db, sql: "SELECT note FROM checkpoints WHERE size >= ? ORDER BY size LIMIT 1",
                arguments: [size])
        }.flatMap { SignedNote(parsing: $0) }.flatMap(SignedCheckpoint.init)
    }

    func witnessed() throws -> [WitnessedSize] {
        try database.readLedger { db in
            try Row.fetchAll(db, sql: "SELECT * FROM witnessed ORDER BY name").map { row in
                let row = TableRow(row, of: "witnessed")
                return try WitnessedSize(
                    name: row.text("name"), size: row.size("size"), time: row.time("time"))
            }
        }
    }

    func withTree<R>(_ body: (MerkleTree) throws -> R) throws -> R {
        try database.readLedger { try body(StoredTree.tree($0, size: Self.size($0))) }
    }

    func segments() throws -> [LedgerSegment] {
        try database.readLedger(Self.segments)
    }

    /// The one that holds an entry, be it removed by now.
    func segment(of seq: Int64) throws -> LedgerSegment? {
        try database.readLedger { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT * FROM segments WHERE first <= ?1 AND last >= ?1 AND \(LedgerSegment.isPossibleRow)
                    ORDER BY number LIMIT 1
                    """, arguments: [seq]
            ).map(LedgerSegment.init(row:))
        }
    }

    static func segments(_ db: Database) throws -> [LedgerSegment] {
        try Row.fetchAll(
            db, sql: "SELECT * FROM segments WHERE \(LedgerSegment.isPossibleRow) ORDER BY number"
        ).map(LedgerSegment.init(row:))
    }

    func forEachEntry(
        _ range: Range<Int64>, _ body: (Int64, [UInt8]) throws -> Void
    ) throws {
        var next = range.lowerBound
        for segment in try segments() where segment.first < range.upperBound && segment.last >= next {
            guard segment.removalEntry == nil else {
                throw LedgerError(
                    .unreadable,
                    "entries \(segment.first) to \(segment.last) were removed by retention; only their hashes are left"
                )
            }
            try read(segment, from: next) { seq, line in
                if seq >= next, seq < range.upperBound { try body(seq, Array(line)) }
                return seq + 1 < range.upperBound
            }
            next = min(segment.last + 1, range.upperBound)
        }
        var query = LedgerQuery()
        query.limit = 1000
        query.after = next - 1
        while next < range.upperBound {
            let page = try entries(query)
            for entry in page where entry.seq < range.upperBound {
                guard entry.seq == next else { break }
                try body(entry.seq, entry.json)
                next += 1
            }
            guard let last = page.last, next == last.seq + 1 || next == range.upperBound else {
                throw LedgerError(.unreadable, "entry \(next) is not there; see `dropgate ledger verify`")
            }
            query.after = last.seq
        }
    }
}

extension SQLiteLedgerReader {
    /// The entries of segments that answer a query, in its order and up to its limit.
    func sealedEntries(_ query: LedgerQuery, _ segments: [LedgerSegment]) throws -> [StoredEntry] {
        var found: [StoredEntry] = []
        for segment in segments where found.count < query.limit {
            let all = query.part(of: segment)
            guard query.order == .newestFirst else {
                found += try matches(query, all, of: segment, limit: query.limit - found.count)
                continue
            }
            // Backwards by steps of a member, until there are enough.
            var end = all.upperBound
            while end > all.lowerBound, found.count < query.limit {
                let step = Int64(SegmentMember.lines)
                let begin = max(all.lowerBound, segment.first + (end - 1 - segment.first) / step * step)
                found += try matches(query, begin..<end, of: segment).reversed()
                end = begin
            }
        }
        return Array(found.prefix(query.limit))
    }

    /// Oldest first.
    private func matches(
        _ query: LedgerQuery, _ seqs: Range<Int64>, of segment: LedgerSegment, limit: Int = .max
    ) throws -> [StoredEntry] {
        var found: [StoredEntry] = []
        guard !seqs.isEmpty else { return [] }
        // Where nothing is found all files are read: whoever asks may have left, or the gate is to stop.
        try Task.checkCancellation()
        try read(segment, from: seqs.lowerBound) { seq, line in
            guard seq >= seqs.lowerBound else { return true }
            guard seq < seqs.upperBound, found.count < limit else { return false }
            let time = EntryScan.instant(EntryScan(line)?.time)
            let entry = StoredEntry(seq: seq, time: time ?? segment.firstTime, json: Array(line))
            if query.matches(entry) { found.append(entry) }
            return true
        }
        return found
    }
}

extension LedgerQuery {
    /// The entries of a segment that can be answers by their numbers.
    fileprivate func part(of segment: LedgerSegment) -> Range<Int64> {
        var (low, end) = (segment.first, segment.last + 1)
        if let after, order == .oldestFirst { low = max(low, after + 1) }
        if let after, order != .oldestFirst { end = min(end, after) }
        if let above { low = max(low, above + 1) }
        if let below { end = min(end, below) }
        return low..<max(low, end)
    }

    /// Whether an answer may lie in a segment.
    /// - Parameter lastSetBack: the last entry that belongs to the period by what the clock said.
    func reaches(_ segment: LedgerSegment, lastSetBack: Int64) -> Bool {
        if let since, segment.lastTime < since { return false }
        if let until, segment.firstTime >= until, segment.first > lastSetBack { return false }
        if let after, order == .oldestFirst ? segment.last <= after : segment.first >= after { return false }
        if let above, segment.last <= above { return false }
        if let below, segment.first >= below { return false }
        return true
    }
}
