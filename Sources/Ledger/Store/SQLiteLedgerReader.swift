// Reads the ledger in SQLite beside its writer: entries and drops. See `LedgerReading` for what each method gives.
import Admission
import Foundation
import GRDB
import JSON

/// A reading connection to a ledger file. Blocking.
final class SQLiteLedgerReader: LedgerReading, LedgerSealing {
    let paths: LedgerPaths
    let database: ReadOnlyDatabase

    /// Throws `LedgerError(.unreadable)` when there is no ledger, or none that this process may read.
    init(_ paths: LedgerPaths) throws {
        self.paths = paths
        database = try ReadOnlyDatabase(paths)
    }

    func entries(_ query: LedgerQuery) throws -> [StoredEntry] {
        guard query.sealed else { return try database.readLedger { try stored(query, $0) } }
        switch query.order {
        case .oldestFirst: return try oldestFirst(query)
        case .newestFirst: return try newestFirst(query)
        }
    }

    /// While files are read, which may take minutes, more entries may be sealed, and leave the database: what is sealed and what is
    /// not are looked at in one moment.
    private func oldestFirst(_ query: LedgerQuery) throws -> [StoredEntry] {
        var found: [StoredEntry] = []
        var rest = query
        var done: Int64 = -1
        while true {
            let (segments, others) = try database.readLedger { db in
                let segments = try sealed(for: query, beyond: done, db)
                return (segments, segments.isEmpty ? try stored(rest, db) : [])
            }
            guard let last = segments.last?.last else { return found + others }
            found += try sealedEntries(rest, segments)
            guard found.count < query.limit else { return found }
            done = last
            rest.limit = query.limit - found.count
            rest.after = max(query.after ?? -1, done)
        }
    }

    /// Begins with what is not sealed: what is sealed afterwards was found in the database.
    private func newestFirst(_ query: LedgerQuery) throws -> [StoredEntry] {
        let (segments, newest) = try database.readLedger { db in
            let segments = try sealed(for: query, beyond: -1, db)
            var newer = query
            if let last = segments.last?.last { newer.above = max(query.above ?? -1, last) }
            return (segments, try stored(newer, db))
        }
        guard newest.count < query.limit, !segments.isEmpty else { return newest }
        var rest = query
        rest.limit -= newest.count
        return newest + (try sealedEntries(rest, segments.reversed()))
    }

    /// The files behind an entry that may have some of the answers, oldest first.
    private func sealed(for query: LedgerQuery, beyond seq: Int64, _ db: Database) throws -> [LedgerSegment] {
        let last = try SQL.lastSetBack(in: query.period, db)
        return try Self.segments(db).filter {
            $0.first > seq && $0.removalEntry == nil && query.reaches($0, lastSetBack: last)
        }
    }

    /// Those of the database.
    private func stored(_ query: LedgerQuery, _ db: Database) throws -> [StoredEntry] {
        let sql = try SQL(query, db)
        // To parse a statement takes longer than to look into a day that has nothing.
        let statement = try db.makeStatement(sql: sql.text)
        var found: [StoredEntry] = []
        func look(_ day: Int64?) throws {
            let arguments = sql.arguments(of: day, limit: query.limit - found.count)
            found += try Row.fetchAll(statement, arguments: arguments).map(StoredEntry.init(row:))
        }
        guard sql.isOfOneDay else {
            try look(nil)
            return found
        }
        var day = try sql.day(after: nil, query.order, db)
        while let known = day, found.count < query.limit {
            try Task.checkCancellation()
            try look(known)
            day = try sql.day(after: known, query.order, db)
        }
        return found
    }

    func entry(seq: Int64) throws -> StoredEntry? {
        guard seq < LedgerLimits.entries else { return nil }
        let stored = try database.readLedger { db in
            try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT seq, time, json FROM entries WHERE seq = ? AND seq > \(Schema.lastSealed)"),
                arguments: [seq]
            ).map(StoredEntry.init(row:))
        }
        if let stored { return stored }
        guard let segment = try segment(of: seq), segment.removalEntry == nil else { return nil }
        var found: StoredEntry?
        try forEachEntry(seq..<seq + 1) { seq, json in
            let time = try JSONValue(parsing: json)["time"]?.string.flatMap(Instant.init(rfc3339:))
            found = StoredEntry(seq: seq, time: time ?? segment.lastTime, json: json)
        }
        return found
    }

    func lastSeq() throws -> Int64? { try database.readLedger { try Self.lastSeq($0) } }

    func drops(states: Set<DropState>, before: Int64?, limit: Int) throws -> [DropRecord] {
        try database.readLedger { db in
            try Row.fetchAll(
                db, sql: SQL.newestDrops(states), arguments: ["before": before ?? Int64.max, "limit": limit]
            ).map(DropRecord.init(row:))
        }
    }

    func released(
        above seq: Int64, limit: Int, waiting: Int, away: Int
    ) throws -> (released: [DropRecord], waiting: [Int64], away: [Int64]) {
        try database.readLedger { db in
            let firstWaiting = try Int64.fetchAll(
                db, sql: "SELECT seq FROM \(Schema.drops(in: .pending)) AND seq > ? ORDER BY seq LIMIT ?",
                arguments: [seq, waiting])
            let newestAway = try Int64.fetchAll(
                db,
                sql: """
                    SELECT seq FROM \(Schema.drops(in: .withdrawn)) AND seq > ? AND due = ?
                    ORDER BY seq DESC LIMIT ?
                    """, arguments: [seq, DropRecord.never.microseconds, away])
            let released = try Row.fetchAll(
                db, sql: "SELECT * FROM \(Schema.drops(in: .released)) AND seq > ? ORDER BY seq LIMIT ?",
                arguments: [seq, limit]
            ).map(DropRecord.init(row:))
            return (released, firstWaiting, Array(newestAway.reversed()))
        }
    }

    func drops(seqs: [Int64]) throws -> [DropRecord] {
        try database.readLedger { db in
            try seqs.compactMap { seq in
                try Row.fetchOne(db, sql: "SELECT * FROM drops WHERE seq = ?", arguments: [seq])
                    .map(DropRecord.init(row:))
            }
        }
    }

    func count(of state: DropState) throws -> Int64 {
        try database.readLedger {
            try Int64.fetchOne($0, sql: "SELECT count(*) FROM \(Schema.drops(in: state))") ?? 0
        }
    }

    func drop(id: String) throws -> DropRecord? {
        try database.readLedger { db in
            let runs = try DropKeyTable.runs(db).compactMap { $0.state == .inUse ? $0.run : nil }
            var seqs: [Int64] = []
            for run in runs {
                try DropKeyTable.collect(DropKeyHash.of(id: id), in: run.number, into: &seqs, db)
            }
            for seq in seqs {
                let row = try Row.fetchOne(
                    db, sql: "SELECT * FROM drops WHERE seq = ? AND id = ?", arguments: [seq, id])
                if let row { return try DropRecord(row: row) }
            }
            // Of the last few thousand drops only their writer has the keys.
            return try Row.fetchOne(
                db, sql: "SELECT * FROM drops WHERE seq > ? AND id = ?",
                arguments: [runs.last?.through ?? -1, id]
            ).map(DropRecord.init(row:))
        }
    }

    func newestUpload(readyPath: String) throws -> DropRecord? {
        try database.readLedger { try DropRecord.newestUpload(readyPath: readyPath, $0) }
    }

    func uploads(readyPath: String, limit: Int) throws -> [DropRecord] {
        try database.readLedger { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM drops WHERE ready = ? AND incoming IS NOT NULL AND state <> 5
                    ORDER BY released DESC, seq DESC LIMIT ?
                    """, arguments: [readyPath, limit]
            ).map(DropRecord.init(row:))
        }
    }

    func events(readyPath: String, acceptedFrom instant: Instant) throws -> [DropRecord] {
        // When a drop was received does not rise with its number: it may have been held, or pulled.
        let first = try firstSeq(notBefore: instant)
        return try database.readLedger { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM (SELECT * FROM drops WHERE seq >= ?1 ORDER BY seq LIMIT ?2)
                    WHERE (ready = ?3 OR ready > ?3 || '/' AND ready < ?3 || '0') AND incoming IS NULL ORDER BY seq
                    """,
                arguments: [first, LedgerLimits.batchSpan, readyPath]
            ).map(DropRecord.init(row:))
        }
    }

    func body(seq: Int64) throws -> [UInt8]? {
        try database.readLedger { try $0.body(seq: seq) }
    }
}

extension StoredEntry {
    /// Throws `LedgerError(.unreadable)`.
    init(row: Row) throws {
        let row = TableRow(row, of: "entries")
        try self.init(seq: row.int("seq"), time: row.time("time"), json: row.bytes("json"))
    }
}
