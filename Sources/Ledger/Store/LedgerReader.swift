// Reads the ledger beside its writer: queries, drops, counts. It never writes.
package import Admission
import Foundation
import GRDB
import JSON

/// A reading connection to a ledger file. Blocking.
package final class LedgerReader: Sendable {
    let path: String
    let database: DatabaseQueue

    /// Throws `LedgerError(.unreadable)` when there is no ledger at `path`.
    package init(path: String) throws {
        self.path = path
        do {
            database = try Schema.openForReading(path: path)
        } catch let error as LedgerError {
            throw error
        } catch {
            throw LedgerError(.unreadable, "cannot read the ledger \(path): \(error)")
        }
    }

    /// The entries that the query asks for, in its order, sealed ones too.
    package func entries(_ query: LedgerQuery) throws -> [StoredEntry] {
        let sealed = try segments().filter { $0.removalEntry == nil && query.reaches($0) }
        guard !sealed.isEmpty else { return try stored(query) }
        switch query.order {
        case .oldestFirst:
            var found = try sealedEntries(query, sealed)
            guard found.count < query.limit else { return found }
            var rest = query
            rest.limit -= found.count
            rest.after = max(query.after ?? -1, sealed.last?.last ?? -1)
            found += try stored(rest)
            return found
        case .newestFirst:
            var newer = query
            newer.above = max(query.above ?? -1, sealed.last?.last ?? -1)
            var found = try stored(newer)
            guard found.count < query.limit else { return found }
            var rest = query
            rest.limit -= found.count
            found += try sealedEntries(rest, sealed.reversed())
            return found
        }
    }

    /// Those of the database.
    private func stored(_ query: LedgerQuery) throws -> [StoredEntry] {
        try database.read { db in
            var found: [StoredEntry] = []
            for statement in try SQL.statements(query, db) {
                guard found.count < query.limit else { break }
                let sql = statement(query.limit - found.count)
                found += try Row.fetchAll(db, sql: sql.text, arguments: sql.arguments).map(
                    StoredEntry.init(row:))
            }
            return found
        }
    }

    /// The bytes of an entry, a sealed one from its segment; nil when there is none.
    package func entry(seq: Int64) throws -> StoredEntry? {
        let stored = try database.read { db in
            try Row.fetchOne(db, sql: "SELECT seq, time, json FROM entries WHERE seq = ?", arguments: [seq])
                .map(StoredEntry.init(row:))
        }
        if let stored { return stored }
        guard let segment = try segments().first(where: { $0.first <= seq && seq <= $0.last }),
            segment.removalEntry == nil
        else { return nil }
        var found: StoredEntry?
        try forEachEntry(seq..<seq + 1) { seq, json in
            let time = try JSONValue(parsing: json)["time"]?.string.flatMap(Instant.init(rfc3339:))
            found = StoredEntry(seq: seq, time: time ?? segment.lastTime, json: json)
        }
        return found
    }

    /// The seq of the newest entry, or nil for an empty ledger.
    package func lastSeq() throws -> Int64? {
        try database.read { try Int64.fetchOne($0, sql: "SELECT max(seq) FROM entries") }
    }

    /// The seq of the first entry at or after an instant; one above the last when there is none.
    package func firstSeq(notBefore instant: Instant) throws -> Int64 {
        try database.read { try SQL.firstSeq(notBefore: instant, $0) }
    }

    /// Drops in these states (all when empty), newest first, with a seq below `before`.
    package func drops(states: Set<DropState> = [], before: Int64? = nil, limit: Int) throws -> [DropRecord] {
        try database.read { db in
            var sql = "SELECT * FROM drops WHERE seq < ?"
            if !states.isEmpty {
                sql += " AND state IN (\(states.map { String($0.rawValue) }.sorted().joined(separator: ",")))"
            }
            return try Row.fetchAll(
                db, sql: sql + " ORDER BY seq DESC LIMIT ?", arguments: [before ?? Int64.max, limit]
            ).map(DropRecord.init(row:))
        }
    }

    package func drop(id: String) throws -> DropRecord? {
        try database.read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM drops WHERE id = ?", arguments: [id]).map(
                DropRecord.init(row:))
        }
    }

    /// The newest uploaded file that was given this path under `ready/`; see `LedgerStore.newestUpload`.
    package func newestUpload(readyPath: String) throws -> DropRecord? {
        try database.read { try DropRecord.newestUpload(readyPath: readyPath, $0) }
    }

    /// The body of a webhook that is not yet staged.
    package func body(seq: Int64) throws -> [UInt8]? {
        try database.read { db in
            try Data.fetchOne(db, sql: "SELECT body FROM bodies WHERE seq = ?", arguments: [seq]).map {
                [UInt8]($0)
            }
        }
    }
}

extension StoredEntry {
    init(row: Row) {
        self.init(
            seq: row["seq"], time: Instant(microseconds: row["time"]), json: [UInt8](row["json"] as Data))
    }
}
