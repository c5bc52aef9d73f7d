// Entries, and the drops that they accept, as rows: what is new, what is a repeat, what is the same event with another body.
import Admission
import Foundation
import GRDB
import JSON
import Synchronization

extension SQLiteLedgerStore {
    func append(
        _ new: LedgerAppend, _ db: Database, seq: Int64, time: Instant, clock: Instant?
    ) throws -> (AppendedEntry, EntryBytes) {
        var attempt = new.attempt
        let appended =
            try new.drop.map { try register($0, db, for: &attempt, seq: seq, time: time, clock: clock) }
            ?? AppendedEntry(seq: seq, time: time)
        let entry = EntryBytes(attempt, seq: seq, time: time, clock: clock, node: node)
        let statement = try HotStatement(
            db,
            """
            INSERT INTO entries (seq, time, kind, channel, verdict, reason, source, account, json)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        try entry.json.withUnsafeBytes { json in
            statement.bind(1, seq)
            statement.bind(2, time.microseconds)
            statement.bind(3, attempt.kind.rawValue)
            statement.bind(4, attempt.channel?.rawValue)
            statement.bind(5, attempt.verdict.rawValue)
            statement.bind(6, attempt.reason.rawValue)
            statement.bind(7, attempt.source.map { SourceKey.bytes($0.ip) })
            statement.bind(8, attempt.account)
            statement.bind(9, inPlace: json)
            try statement.run()
        }
        return (appended, entry)
    }

    /// Decides, inside the transaction, whether the drop is new, a repeat, or the same event with another body.
    private func register(
        _ drop: DropRegistration, _ db: Database, for attempt: inout Attempt, seq: Int64, time: Instant,
        clock: Instant?
    ) throws -> AppendedEntry {
        let window = drop.repeatsWithin.map { RepeatWindow(length: $0, time: time, clock: clock ?? time) }
        let former = former.flatMap { $0.reaches(window?.since) ? drop.formerKeys : nil }
        // What was stored under a former key is the older one.
        let repeated =
            try former.flatMap { try self.drop(withRepeatKey: $0.repeatKey, window, db) }
            ?? self.drop(withRepeatKey: drop.repeatKey, window, db)
        let isKnown = try self.seq(of: drop.id, db) != nil
        var sameEvent: String?
        if let repeated {
            attempt.reason = .duplicate
            attempt.detail["duplicate_of"] = .string(repeated)
        } else if let key = drop.eventKey {
            sameEvent =
                try former?.eventKey.flatMap { try self.drop(withEventKey: $0, db) }
                ?? self.drop(withEventKey: key, db)
            if let sameEvent { attempt.detail["same_event_as"] = .string(sameEvent) }
        }
        guard !isKnown, repeated == nil || drop.keepsRepeats else {
            if let repeated { attempt.drop?.id = repeated }
            return AppendedEntry(seq: seq, time: time, repeats: repeated ?? drop.id, sameEvent: sameEvent)
        }
        let record = DropRecord(
            id: drop.id, seq: seq, state: .pending, incoming: drop.content.incoming,
            readyPath: drop.readyPath(time), received: attempt.drop?.received ?? time, name: drop.name,
            due: drop.settle.map { time + $0 })
        attempt.drop?.name = record.readyPath
        try insert(record, drop, db)
        return AppendedEntry(seq: seq, time: time, drop: record, repeats: repeated, sameEvent: sameEvent)
    }

    private func insert(_ record: DropRecord, _ drop: DropRegistration, _ db: Database) throws {
        let statement = try HotStatement(
            db,
            """
            INSERT INTO drops (seq, id, state, repeat_key, event_key, incoming, ready, received, name, due)
            VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?)
            """)
        statement.bind(1, record.seq)
        statement.bind(2, record.id)
        statement.bind(3, drop.repeatKey)
        statement.bind(4, drop.eventKey)
        statement.bind(5, record.incoming)
        statement.bind(6, record.readyPath)
        statement.bind(7, record.received.microseconds)
        statement.bind(8, record.name)
        statement.bind(9, record.due?.microseconds)
        try statement.run()
        if let body = drop.content.body {
            let statement = try HotStatement(db, "INSERT INTO bodies (seq, body) VALUES (?, ?)")
            try body.withUnsafeBytes { body in
                statement.bind(1, record.seq)
                statement.bind(2, inPlace: body)
                try statement.run()
            }
        }
        let hashes = DropKeys.hashes(id: record.id, repeatKey: drop.repeatKey, eventKey: drop.eventKey)
        keys.withLock { $0.add(record.seq, hashes) }
    }

    // MARK: Looks

    /// The number of the drop with this id, or nil.
    func seq(of id: String, _ db: Database) throws -> Int64? {
        let seqs = try keys.withLock { try $0.seqs(DropKeyHash.of(id: id), db) }
        if seqs.isEmpty { return nil }
        let statement = try HotStatement(db, "SELECT 1 FROM drops WHERE seq = ? AND id = ?")
        return try seqs.first { seq in
            var isIt = false
            statement.bind(1, seq)
            statement.bind(2, id)
            try statement.forEach { _ in
                isIt = true
                return false
            }
            return isIt
        }
    }

    /// The id of the first drop with this key, of those whose entries lie in the window; nil when there is none.
    private func drop(withRepeatKey key: [UInt8], _ window: RepeatWindow?, _ db: Database) throws -> String? {
        let seqs = try keys.withLock { try $0.seqs(DropKeyHash.of(key: key), db) }
        guard !seqs.isEmpty else { return nil }
        guard let window else { return try first(seqs, "repeat_key", key, db) }
        // By the times of entries: what was held or pulled was received before, and by another clock. They rise with the numbers.
        let statement = try HotStatement(
            db,
            """
            SELECT repeat_key, id, coalesce(
              (SELECT time FROM entries WHERE entries.seq = drops.seq AND entries.seq > \(Schema.lastSealed)),
              (SELECT last_time FROM segments WHERE drops.seq BETWEEN first AND last)),
              (SELECT json FROM entries WHERE entries.seq = drops.seq AND entries.seq > \(Schema.lastSealed))
            FROM drops WHERE seq = ?1
            """)
        var found: String?
        for seq in seqs.reversed() {
            var isYoung = true
            statement.bind(1, seq)
            try statement.forEach { row in
                let time = Instant(microseconds: row.int(2))
                isYoung = !row.isNull(2) && window.since < time
                guard isYoung, row.bytes(0).elementsEqual(key) else { return false }
                let clock = EntryScan(row.bytes(3)).flatMap { EntryScan.instant($0.clock) }
                if window.holds(clock ?? time) { found = row.text(1) }
                return false
            }
            guard isYoung else { break }
        }
        return found
    }

    /// The id of the first drop with this event's key; nil when there is none.
    private func drop(withEventKey key: [UInt8], _ db: Database) throws -> String? {
        let seqs = try keys.withLock { try $0.seqs(DropKeyHash.of(key: key), db) }
        return seqs.isEmpty ? nil : try first(seqs, "event_key", key, db)
    }

    private func first(
        _ seqs: [Int64], _ column: StaticString, _ key: [UInt8], _ db: Database
    ) throws -> String? {
        let statement = try HotStatement(db, "SELECT \(column), id FROM drops WHERE seq = ?")
        for seq in seqs {
            var found: String?
            statement.bind(1, seq)
            try statement.forEach { row in
                // A hash is a hint.
                if row.bytes(0).elementsEqual(key) { found = row.text(1) }
                return false
            }
            if let found { return found }
        }
        return nil
    }
}

/// How long before a drop the same bytes may have come, to make it a repeat.
private struct RepeatWindow {
    let length: Duration
    /// Of the drop's entry.
    let time: Instant
    /// What the clock says meanwhile; it is behind the entries after it was ahead (`ClockSetBack`).
    let clock: Instant

    /// Entries from before are too old.
    var since: Instant { time - length }

    /// The times of entries stand nearly still for as long as the clock is behind them, so that is asked, too. What it said is ahead of
    /// what it says where it was set back in between, and how long ago that was nobody knows: two files are better than none.
    func holds(_ other: Instant) -> Bool { clock - length < other && other <= clock + length }
}

/// Drops that earlier formats accepted, whose keys may have been made in other ways.
struct FormerDrops {
    /// The time of the last of them, or of an entry after it.
    let last: Instant

    /// nil where there is none.
    init?(_ db: Database) throws {
        let row = try Row.fetchOne(
            db, sql: "SELECT max(time) AS time FROM upgraded WHERE format < 5 AND drops > 0"
        ).map { TableRow($0, of: "upgraded") }
        guard let time = try row?.timeOrNull("time") else { return nil }
        last = time
    }

    /// Whether one of them may be that young; nil: however old.
    func reaches(_ since: Instant?) -> Bool { since.map { last > $0 } ?? true }
}
