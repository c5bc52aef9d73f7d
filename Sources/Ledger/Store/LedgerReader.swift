// Reads the ledger beside its writer: queries, drops, counts. It never writes.
package import Admission
import Foundation
import GRDB

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

    /// The entries that the query asks for, in its order.
    package func entries(_ query: LedgerQuery) throws -> [StoredEntry] {
        try database.read { db in
            let sql = try SQL(query, db)
            return try Row.fetchAll(db, sql: sql.text, arguments: sql.arguments).map(StoredEntry.init(row:))
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

/// A query as SQL. Times become bounds on seq, found by bisection: times rise strictly with seq.
private struct SQL {
    var text = "SELECT seq, time, json FROM entries WHERE 1"
    var arguments = StatementArguments()

    init(_ query: LedgerQuery, _ db: Database) throws {
        if let since = query.since { add(" AND seq >= ?", try Self.firstSeq(notBefore: since, db)) }
        if let until = query.until { add(" AND seq < ?", try Self.firstSeq(notBefore: until, db)) }
        if let after = query.after {
            add(query.order == .oldestFirst ? " AND seq > ?" : " AND seq < ?", after)
        }
        if !query.sources.isEmpty {
            let ranges = query.sources.map(SourceKey.range)
            text += " AND (" + ranges.map { _ in "source BETWEEN ? AND ?" }.joined(separator: " OR ") + ")"
            for range in ranges { arguments += [Data(range.low), Data(range.high)] }
        }
        add("kind", query.kinds.map(\.rawValue))
        add("channel", query.channels.map(\.rawValue))
        add("verdict", query.verdicts.map(\.rawValue))
        add("reason", query.reasons.map(\.rawValue))
        add("account", Array(query.accounts))
        add(query.order == .oldestFirst ? " ORDER BY seq LIMIT ?" : " ORDER BY seq DESC LIMIT ?", query.limit)
    }

    private mutating func add(_ condition: String, _ value: some DatabaseValueConvertible) {
        text += condition
        arguments += [value]
    }

    private mutating func add(_ column: String, _ values: [String]) {
        guard !values.isEmpty else { return }
        text += " AND \(column) IN (" + values.map { _ in "?" }.joined(separator: ",") + ")"
        for value in values.sorted() { arguments += [value] }
    }

    static func firstSeq(notBefore instant: Instant, _ db: Database) throws -> Int64 {
        var low: Int64 = 0
        var high = (try Int64.fetchOne(db, sql: "SELECT max(seq) FROM entries") ?? -1) + 1
        while low < high {
            let middle = (low + high) / 2
            let time = try Int64.fetchOne(
                db, sql: "SELECT time FROM entries WHERE seq >= ? ORDER BY seq LIMIT 1", arguments: [middle])
            if let time, time < instant.microseconds { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
