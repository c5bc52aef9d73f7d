// A query as SQL. Times become bounds on seq; a source address becomes a range of its index, one day at a time, so
// that neither reads entries outside the answer's time. It builds text and asks for bounds; it runs no query.
import Admission
import Foundation
import GRDB
import JSON

/// One statement, which is run once for each day, one after the other.
struct SQL {
    private(set) var text = ""
    /// All but `:limit`, how many entries are still wanted, and `:day`.
    private(set) var arguments = StatementArguments()
    /// Whether it has `:day`, and looks at one day at a time; else it looks at all of them at once.
    private(set) var isOfOneDay = false
    /// Of the days on which somebody called, those that may have answers; nil where none has.
    private var days: ClosedRange<Int64>?
    private var count = 0

    private static let columns = "seq, time, json"
    /// The first column of the index `entries_source`, in words that SQLite recognises.
    private static let day = "time / 86400000000"

    init(_ query: LedgerQuery, _ db: Database) throws {
        let (range, hasSetBack) = try Self.seqs(query, db)
        let conditions = conditions(query, range, hasSetBack)
        let end = " ORDER BY seq\(query.order == .oldestFirst ? "" : " DESC") LIMIT :limit"
        guard !query.sources.isEmpty else {
            let entries =
                query.asksGate
                ? "\(Schema.gateEntries) WHERE \(Schema.isGateEntry) AND" : "entries WHERE"
            text = "SELECT \(Self.columns) FROM \(entries) \(conditions)\(end)"
            return
        }
        isOfOneDay = true
        days = try Self.days(range, db)
        let blocks = query.sources.map(SourceKey.range).map {
            "source BETWEEN \(bind(Data($0.low))) AND \(bind(Data($0.high)))"
        }
        text =
            "SELECT \(Self.columns) FROM entries WHERE seq IN (SELECT seq FROM entries WHERE \(Self.day) = :day "
            + "AND source IS NOT NULL AND (\(blocks.joined(separator: " OR "))) AND \(conditions)\(end))\(end)"
    }

    /// The first day that is asked, and with `day` the one after it, in the order of the answer; nil where there is none. Days without
    /// a call are passed over: where a clock has leapt, or somebody has altered a time, they are many.
    func day(after day: Int64?, _ order: LedgerQuery.Order, _ db: Database) throws -> Int64? {
        guard let days else { return nil }
        let next =
            switch order {
            case .oldestFirst: try Self.firstDay(after: day ?? days.lowerBound - 1, db)
            case .newestFirst:
                try SQLiteLedgerReader.day(
                    before: day ?? days.upperBound + 1,
                    db.cachedStatement(sql: SQLiteLedgerReader.dayBefore))
            }
        return next.flatMap { days.contains($0) ? $0 : nil }
    }

    /// As `SQLiteLedgerReader.day(before:)`, of the oldest day after another: a fraction lies behind the day that it is rounded to.
    private static func firstDay(after day: Int64, _ db: Database) throws -> Int64? {
        guard let after = try Int64.fetchOne(db.cachedStatement(sql: dayAfter), arguments: [day]) else {
            return nil
        }
        guard after > day else { throw LedgerError.damaged(column: "time", of: "entries", row: nil) }
        return after
    }

    private static let dayAfter = """
        SELECT \(day) FROM entries WHERE \(day) > ? AND source IS NOT NULL ORDER BY \(day) LIMIT 1
        """

    /// - Parameter day: one that `day` has given.
    func arguments(of day: Int64?, limit: Int) -> StatementArguments {
        var all = arguments
        all += ["limit": limit]
        if let day { all += ["day": day] }
        return all
    }

    // MARK: Conditions

    private mutating func conditions(
        _ query: LedgerQuery, _ range: Range<Int64>, _ hasSetBack: Bool
    ) -> String {
        var all = ["seq >= \(bind(range.lowerBound))", "seq < \(bind(range.upperBound))"]
        if hasSetBack, let until = query.until {
            // Times as entries have them compare as texts. What the clock said is never after the entry's own time.
            let clock = "json_extract(CAST(json AS TEXT), '$.clock')"
            let since = query.since.map { " AND \(clock) >= \(bind($0.description))" } ?? ""
            all.append(
                "(time < \(bind(until.microseconds)) OR (\(clock) < \(bind(until.description))\(since)))")
        }
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
        return all.joined(separator: " AND ")
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

    /// The number after one that people may have typed.
    private static func next(_ seq: Int64) -> Int64 { seq == .max ? seq : seq + 1 }

    /// The entries among which the answer lies, and whether some of those are of a time when the clock was behind, and to be
    /// looked at one by one.
    private static func seqs(
        _ query: LedgerQuery, _ db: Database
    ) throws -> (range: Range<Int64>, hasSetBack: Bool) {
        var low = try firstUnsealed(db)
        var high = LedgerLimits.entries
        var hasSetBack = false
        if let since = query.since { low = try firstSeq(notBefore: since, db) }
        if let until = query.until {
            high = try firstSeq(notBefore: until, db)
            let last = try lastSetBack(in: query.period, db)
            hasSetBack = last >= high
            high = max(high, last + 1)
        }
        switch query.order {
        case .oldestFirst: if let after = query.after { low = max(low, next(after)) }
        case .newestFirst: if let after = query.after { high = min(high, after) }
        }
        if let above = query.above { low = max(low, next(above)) }
        if let below = query.below { high = min(high, below) }
        return (low..<max(low, high), hasSetBack)
    }

    /// The last entry that belongs to a period by what the clock said; -1 when there is none.
    static func lastSetBack(in period: LedgerPeriod, _ db: Database) throws -> Int64 {
        guard period.until != nil else { return -1 }
        return try ClockSetBack.all(db).last { $0.touches(period) }?.seqs.upperBound ?? -1
    }

    /// The days of these entries, as the index counts them; nil where there are none. Throws `LedgerError(.unreadable)`.
    private static func days(_ range: Range<Int64>, _ db: Database) throws -> ClosedRange<Int64>? {
        func end(_ direction: String) throws -> Int64? {
            try Row.fetchOne(
                db.cachedStatement(
                    sql:
                        "SELECT seq, time FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq\(direction) LIMIT 1"
                ),
                arguments: [range.lowerBound, range.upperBound]
            ).map { try TableRow($0, of: "entries").time("time").microseconds / LedgerTally.day }
        }
        guard let first = try end(""), let last = try end(" DESC") else { return nil }
        return first...max(first, last)
    }

    /// The number with which the entries begin that are read from the database.
    private static func firstUnsealed(_ db: Database) throws -> Int64 {
        try next(Int64.fetchOne(db.cachedStatement(sql: "SELECT \(Schema.lastSealed)")) ?? -1)
    }

    /// Of entries that are not sealed. Times rise with the numbers, so a time is found by halving. Throws `LedgerError(.unreadable)`.
    static func firstSeq(notBefore instant: Instant, _ db: Database) throws -> Int64 {
        var low = try firstUnsealed(db)
        var high = try (SQLiteLedgerReader.lastSeq(db) ?? -1) + 1
        let statement = try db.cachedStatement(
            sql: "SELECT seq, time FROM entries WHERE seq >= ? ORDER BY seq LIMIT 1")
        while low < high {
            let middle = low + (high - low) / 2
            let time = try Row.fetchOne(statement, arguments: [middle]).map {
                try TableRow($0, of: "entries").time("time")
            }
            if let time, time < instant { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension LedgerQuery {
    /// Whether it asks for entries of the gate itself alone, which have an index.
    fileprivate var asksGate: Bool { !kinds.isEmpty && kinds.isSubset(of: Schema.gateKinds) }
}

extension SQL {
    /// Drops in these states, of any state where there are none, below `:before`, newest first, at most `:limit`.
    static func newestDrops(_ states: Set<DropState>) -> String {
        let order = "ORDER BY seq DESC LIMIT :limit"
        guard !states.isEmpty else { return "SELECT * FROM drops WHERE seq < :before \(order)" }
        // SQLite takes from each in turn, as the order wants it.
        let each = states.sorted { $0.rawValue < $1.rawValue }.map {
            "SELECT * FROM \(Schema.drops(in: $0)) AND seq < :before"
        }
        return each.joined(separator: " UNION ALL ") + " \(order)"
    }

    /// Drops in this state since before `:before`, in the order of their times, behind `:time` and `:seq`.
    static func endedDrops(_ end: DropEnd) -> String {
        let (state, column) =
            switch end {
            case .acknowledged: (DropState.acknowledged, "acknowledged")
            case .taken: (DropState.taken, "taken")
            }
        return """
            SELECT * FROM drops INDEXED BY drops_\(column) WHERE state = \(state.rawValue) AND \(column) < :before
            AND (\(column), seq) > (:time, :seq) ORDER BY \(column), seq LIMIT :limit
            """
    }
}
