// The tree and the checkpoints as a reader has them: proofs and what was signed.
import Admission
import Foundation
import GRDB

extension SQLiteLedgerReader {
    func size() throws -> Int64 { try database.readLedger { try Self.size($0) } }

    static func size(_ db: Database) throws -> Int64 {
        let entries = try Int64.fetchOne(db, sql: "SELECT max(seq) + 1 FROM entries")
        return try entries ?? Int64.fetchOne(db, sql: "SELECT max(last) + 1 FROM segments") ?? 0
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
            try Row.fetchAll(db, sql: "SELECT * FROM witnessed ORDER BY name").map {
                WitnessedSize(name: $0["name"], size: $0["size"], time: Instant(microseconds: $0["time"]))
            }
        }
    }

    func withTree<R>(_ body: (MerkleTree) throws -> R) throws -> R {
        try database.readLedger { try body(StoredTree.tree($0, size: Self.size($0))) }
    }

    func segments() throws -> [LedgerSegment] {
        try database.readLedger(Self.segments)
    }

    static func segments(_ db: Database) throws -> [LedgerSegment] {
        try Row.fetchAll(db, sql: "SELECT * FROM segments ORDER BY number").map(LedgerSegment.init(row:))
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
            var seq = segment.first
            try SegmentFile.read("\(paths.segments)/\(segment.fileName)") { line in
                if seq >= next, seq < range.upperBound { try body(seq, Array(line)) }
                seq += 1
                return seq < range.upperBound
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
            var here: [StoredEntry] = []
            try forEachEntry(segment.first..<segment.last + 1) { seq, json in
                let time = json.withUnsafeBytes { EntryScan.instant(EntryScan($0)?.time) }
                let entry = StoredEntry(seq: seq, time: time ?? segment.firstTime, json: json)
                if query.matches(entry) { here.append(entry) }
            }
            found += query.order == .oldestFirst ? here : here.reversed()
        }
        return Array(found.prefix(query.limit))
    }
}

extension LedgerQuery {
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
