// A query as one SQL statement. Times become bounds on seq; a source address becomes a range of its index, so that
// neither reads entries outside the answer's time. It builds text and asks for bounds; it runs no query.
import Admission
import Foundation
import GRDB

struct SQL {
    private(set) var text = ""
    private(set) var arguments = StatementArguments()

    /// How many addresses of a block are asked for one by one. Each is a term of a compound SELECT, of which
    /// SQLite takes 500 (SQLITE_MAX_COMPOUND_SELECT).
    static let mostSources = 400

    private var count = 0

    private static let columns = "seq, time, json, leaf"

    init(_ query: LedgerQuery, _ db: Database) throws {
        let conditions = try conditions(query, db)
        let order = query.order == .oldestFirst ? "ORDER BY seq" : "ORDER BY seq DESC"
        let end = " \(order) LIMIT \(query.limit)"
        let select = "SELECT \(Self.columns) FROM entries WHERE "
        guard !query.sources.isEmpty else {
            text = select + conditions + end
            return
        }
        let ranges = query.sources.map(SourceKey.range)
        guard let addresses = try Self.addresses(in: ranges, db) else {
            // Too many: read by seq. The unary plus keeps the index out, which would read all times.
            let blocks = ranges.map { "+source BETWEEN \(bind(Data($0.low))) AND \(bind(Data($0.high)))" }
            text = select + conditions + " AND (" + blocks.joined(separator: " OR ") + ")" + end
            return
        }
        // Of one address the index gives entries in the order of seq, so each term ends at the limit.
        let matches = addresses.map { "source = \(bind($0)) AND \(conditions)\(end)" }
        let terms = matches.map { "SELECT seq FROM (SELECT seq FROM entries WHERE \($0))" }
        text =
            switch matches.count {
            case 0: select + "0 AND " + conditions + end
            case 1: select + matches[0]
            default: select + "seq IN (" + terms.joined(separator: " UNION ALL ") + ")" + end
            }
    }

    // MARK: Conditions

    private mutating func conditions(_ query: LedgerQuery, _ db: Database) throws -> String {
        var all: [String] = []
        if let since = query.since {
            all.append("seq >= \(bind(try Self.firstSeq(notBefore: since, db)))")
        }
        if let until = query.until { all.append("seq < \(bind(try Self.firstSeq(notBefore: until, db)))") }
        if let after = query.after {
            all.append("seq \(query.order == .oldestFirst ? ">" : "<") \(bind(after))")
        }
        if let above = query.above { all.append("seq > \(bind(above))") }
        if let below = query.below { all.append("seq < \(bind(below))") }
        add("kind", query.kinds.map(\.rawValue), &all)
        add("channel", query.channels.map(\.rawValue), &all)
        add("verdict", query.verdicts.map(\.rawValue), &all)
        add("reason", query.reasons.map(\.rawValue), &all)
        add("account", Array(query.accounts), &all)
        if !query.entries.isEmpty {
            // The text is looked for first, because it is cheaper than reading JSON. json_each has a hidden
            // column named json.
            let matches = query.entries.sorted().map { entry in
                "(instr(json, \(bind(Self.quoted(entry)))) AND EXISTS (SELECT 1 FROM "
                    + "json_each(CAST(entries.json AS TEXT), '$.entries') WHERE value = \(bind(entry))))"
            }
            all.append("(" + matches.joined(separator: " OR ") + ")")
        }
        if !query.drops.isEmpty {
            let matches = query.drops.sorted().map { "instr(json, \(bind(Self.quoted($0))))" }
            all.append("(" + matches.joined(separator: " OR ") + ")")
        }
        if let text = query.text, !text.isEmpty {
            // As in the JSON, where quotes and backslashes are escaped. lower() knows ASCII only.
            let inside = String(decoding: Self.quoted(text).dropFirst().dropLast(), as: UTF8.self)
            all.append("instr(lower(CAST(json AS TEXT)), lower(\(bind(inside))))")
        }
        return all.isEmpty ? "1" : all.joined(separator: " AND ")
    }

    private mutating func add(_ column: String, _ values: [String], _ conditions: inout [String]) {
        guard !values.isEmpty else { return }
        conditions.append("\(column) IN (" + values.sorted().map { bind($0) }.joined(separator: ",") + ")")
    }

    /// Adds an argument and returns the name that stands for it, which may be used more than once.
    private mutating func bind(_ value: some DatabaseValueConvertible) -> String {
        let name = "a\(count)"
        count += 1
        arguments += [name: value]
        return ":" + name
    }

    /// A text as the entry's bytes have it, with its quotes.
    private static func quoted(_ text: String) -> Data { Data(CanonicalJSON.encode(.string(text))) }

    // MARK: Bounds

    /// The different addresses in these ranges, each once; nil when there are more than `mostSources`. Each takes
    /// one step in the index, however many entries it has.
    private static func addresses(in ranges: [(low: [UInt8], high: [UInt8])], _ db: Database) throws
        -> [Data]?
    {
        var addresses: Set<Data> = []
        for range in ranges {
            addresses.formUnion(
                try Data.fetchAll(
                    db,
                    sql: """
                        WITH RECURSIVE found(address) AS (
                          SELECT min(source) FROM entries WHERE source >= :low AND source <= :high
                          UNION ALL
                          SELECT (SELECT min(source) FROM entries WHERE source > address AND source <= :high)
                          FROM found WHERE address IS NOT NULL
                        )
                        SELECT address FROM found WHERE address IS NOT NULL LIMIT :limit
                        """,
                    arguments: [
                        "low": Data(range.low), "high": Data(range.high), "limit": mostSources + 1,
                    ]))
            if addresses.count > mostSources { return nil }
        }
        return addresses.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private static func firstSeq(notBefore instant: Instant, _ db: Database) throws -> Int64 {
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
