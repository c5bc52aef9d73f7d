// Entries that were written while the machine's clock was behind the ledger. Their times still rise, a microsecond at a time,
// and each tells what the clock said beside it (`clock`).
package import Admission
import GRDB

/// A run of such entries.
package struct ClockSetBack: Sendable, Hashable {
    package var seqs: ClosedRange<Int64>
    /// The time that the first of them has; the others follow a microsecond apart.
    package var time: Instant
    /// What the clock said while they were written, at the earliest and at the latest.
    package var earliest: Instant
    package var latest: Instant

    package init(seqs: ClosedRange<Int64>, time: Instant, earliest: Instant, latest: Instant) {
        self.seqs = seqs
        self.time = time
        self.earliest = earliest
        self.latest = latest
    }

    /// What whoever asks by time should know.
    package var summary: String {
        "entries \(seqs.lowerBound) to \(seqs.upperBound) have times from \(time) on, a microsecond apart; the clock showed "
            + "\(earliest) to \(latest). Earlier entries with times after \(earliest) were still written "
            + "before them"
    }

    /// How far the clock is behind before an entry tells it. Times that rise strictly are ahead of it by less in every commit.
    static let tolerance = Duration.milliseconds(100)

    /// Whether one of its entries is this one, with what the clock said then.
    func tells(_ clock: Instant, of seq: Int64) -> Bool {
        seqs.contains(seq) && earliest <= clock && clock <= latest
    }

    /// Whether an answer for the period may have some of its entries.
    package func touches(_ period: LedgerPeriod) -> Bool {
        period.contains(time, clock: nil)
            || (period.until.map { earliest < $0 } ?? true) && (period.since.map { latest >= $0 } ?? true)
    }
}

/// The table `set_back`: what the entries say, so that a query by time finds them.
extension ClockSetBack {
    static let table = """
        CREATE TABLE set_back (
          first INTEGER PRIMARY KEY,
          last INTEGER NOT NULL,
          time INTEGER NOT NULL,
          earliest INTEGER NOT NULL,
          latest INTEGER NOT NULL
        );
        """

    /// Notes one more entry that tells the clock.
    static func note(_ db: Database, seq: Int64, time: Instant, clock: Instant) throws {
        try db.cachedStatement(
            sql: """
                UPDATE set_back SET last = ?1, earliest = min(earliest, ?2), latest = max(latest, ?2)
                WHERE first = (SELECT max(first) FROM set_back) AND last = ?1 - 1
                """
        ).execute(arguments: [seq, clock.microseconds])
        guard db.changesCount == 0 else { return }
        try db.cachedStatement(
            sql: "INSERT INTO set_back (first, last, time, earliest, latest) VALUES (?1, ?1, ?2, ?3, ?3)"
        ).execute(arguments: [seq, time.microseconds, clock.microseconds])
    }

    /// Oldest first. Throws `LedgerError(.unreadable)` where one of them cannot be.
    static func all(_ db: Database) throws -> [ClockSetBack] {
        try rows(db).map(ClockSetBack.init(row:))
    }

    static func rows(_ db: Database) throws -> [Row] {
        try Row.fetchAll(db, sql: "SELECT * FROM set_back ORDER BY first")
    }

    /// Throws `LedgerError(.unreadable)`.
    init(row: Row) throws {
        let row = TableRow(row, of: "set_back")
        let (first, last) = (try row.seq("first"), try row.seq("last"))
        try self.init(
            seqs: first...max(first, last), time: row.time("time"), earliest: row.time("earliest"),
            latest: row.time("latest"))
    }
}

/// What the clock said when entries were written, in their order, and which of that may be right. It tells by when an entry
/// had been written: its own time is too late where the clock was ahead before it, by years if it was, and too early where the
/// clock was behind when it came. Pure.
///
/// An entry was written no later than those after it: each reading from it on, of a clock that was not behind, tells by when it
/// had been. A reading does not count
/// - when it lies after now, which is right: then the clock was ahead, nobody knows how far;
/// - when one that counts is later and came before. Either the clock was ahead then or it is behind here. As nobody knows which,
///   entries wait for a reading that reaches the later one: they are taken for younger than they are, and never for older. The
///   least of all readings from an entry on would make everything old by one entry of a clock that is years behind.
///
/// So after a leap ahead entries grow old by what the clock has said since. Once now comes to where the leap went, its reading
/// counts, and what is kept then is kept for longer. One thing is not found out: a clock that is behind and yet ahead of all that
/// it said before, as when it stood still while the machine was off. Nothing in the ledger tells that from one that is right.
struct ClockReadings {
    let now: Instant
    /// Of those that count.
    private var latest: Instant?

    init(now: Instant) { self.now = now }

    /// Takes the next one.
    /// - Returns: whether it counts.
    @discardableResult
    mutating func take(_ reading: Instant) -> Bool {
        guard reading <= now, reading >= latest ?? reading else { return false }
        latest = reading
        return true
    }
}
