// Counts over a run of entries, made in one pass over their bytes: what a report is made of.
package import Admission

/// What a run of entries adds up to. Counts are of attempts: an entry may stand for many.
package struct LedgerTally: Sendable {
    package struct Group: Sendable, Hashable {
        package var source: IPAddress?
        package var channel: Channel?
        package var kind: EntryKind
        package var verdict: Verdict
        package var reason: Reason
    }

    package struct Count: Sendable {
        package var attempts: Int64 = 0
        package var first: Instant
        package var last: Instant

        init(_ time: Instant) { (first, last) = (time, time) }

        package mutating func add(_ other: Count) {
            attempts += other.attempts
            (first, last) = (min(first, other.first), max(last, other.last))
        }
    }

    package struct Login: Sendable, Hashable {
        package var account: String
        /// A key's fingerprint, or `password`.
        package var credential: String
        package var source: IPAddress?
    }

    /// What of a source list an attempt names, and what became of it. Several entries of a list may have one name, so the
    /// source tells which of them it was.
    package struct Match: Sendable, Hashable {
        /// `list/service`
        package var entry: String
        package var source: IPAddress?
        package var channel: Channel?
        package var verdict: Verdict
        package var reason: Reason
    }

    /// A step of a day, in microseconds.
    package static let day: Int64 = 86_400_000_000

    /// Entries in all, and the attempts that they stand for.
    package var entries: Int64 = 0
    /// The first and the last of them; nil when there are none.
    package var seqs: ClosedRange<Int64>?
    package var attempts: Int64 = 0
    package var groups: [Group: Count] = [:]
    /// Attempts by day (days since 1970, UTC) and verdict. Where the clock was behind, what it said counts.
    package var days: [Int64: [Verdict: Int64]] = [:]
    /// Attempts by step of time (steps since 1970) and verdict, as for days.
    package var steps: [Int64: [Verdict: Int64]] = [:]
    package var logins: [Login: Count] = [:]
    /// Attempts by the list entries that they name.
    package var matched: [Match: Count] = [:]
    /// Sources of rejected attempts that had the form of VSee's.
    package var shaped: [IPAddress: Int64] = [:]
    /// Policy, service and access entries themselves, oldest first; at most `notableLimit` of each kind.
    package var notable: [StoredEntry] = []
    package static let notableLimit = 2000

    package init() {}
}
