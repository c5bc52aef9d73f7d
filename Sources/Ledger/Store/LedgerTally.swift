// Counts over a run of entries, made in one pass over their bytes: what a report is made of.
package import Admission

/// What a run of entries adds up to. Counts are of attempts: an entry may stand for many.
package struct LedgerTally: Sendable {
    /// Whom attempts are counted as.
    package enum Caller: Sendable, Hashable {
        case source(IPAddress)
        /// Some of a network (/24, or /64 of IPv6): those that came when as many sources as `Bounds` allows were told apart.
        case network(CIDRBlock)
        /// The entry names no source, or too many networks came as well.
        case unknown

        package var source: IPAddress? {
            if case .source(let ip) = self { ip } else { nil }
        }

        package var network: CIDRBlock? {
            if case .network(let block) = self { block } else { nil }
        }
    }

    /// How many strangers are told apart: sources that are not listed and were refused. Anybody can make more of them, and a
    /// tally is made within the gate, too; with so many it takes some tens of megabytes. Sums are exact, however many come.
    package struct Bounds: Sendable {
        package var sources: Int
        /// Beyond that many sources, networks; beyond that many networks, all others are one.
        package var networks: Int

        package init(sources: Int = 50_000, networks: Int = 10_000) {
            self.sources = sources
            self.networks = networks
        }
    }

    package struct Group: Sendable, Hashable {
        package var caller: Caller
        package var channel: Channel?
        package var kind: EntryKind
        package var verdict: Verdict
        package var reason: Reason

        package var source: IPAddress? { caller.source }
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
    /// Attempts of sources that are not told apart, because more came than `Bounds` allows.
    package var untold: Int64 = 0
    /// Attempts by day (days since 1970, UTC) and verdict. Where the clock was behind, what it said counts.
    package var days: [Int64: [Verdict: Int64]] = [:]
    /// Attempts by step of time (steps since 1970) and verdict, as for days.
    package var steps: [Int64: [Verdict: Int64]] = [:]
    package var logins: [Login: Count] = [:]
    /// Attempts by the list entries that they name.
    package var matched: [Match: Count] = [:]
    /// Sources of rejected attempts that had the form of VSee's.
    package var shaped: [Caller: Int64] = [:]
    /// Policy and service entries and those of exports (kind access) themselves, oldest first; at most `notableLimit` of each kind.
    package var notable: [StoredEntry] = []
    /// How many more there are of a kind.
    package var leftOut: [EntryKind: Int64] = [:]
    package static let notableLimit = 2000

    package init() {}
}

extension LedgerTally.Caller: Comparable {
    /// Whom nobody knows first, then sources, then networks, each by their addresses.
    package static func < (a: Self, b: Self) -> Bool {
        switch (a, b) {
        case (.source(let a), .source(let b)): a < b
        case (.network(let a), .network(let b)): a.base < b.base
        default: a.rank < b.rank
        }
    }

    private var rank: Int {
        switch self {
        case .unknown: 0
        case .source: 1
        case .network: 2
        }
    }
}
