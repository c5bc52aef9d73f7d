// The report of a period as a value: who knocked, what was decided, what to look at. Pure.
package import Admission
package import Ledger

package struct Report: Sendable {
    /// One source on one channel, or several that the tally does not tell apart.
    package struct Source: Sendable {
        package var caller: LedgerTally.Caller
        package var channel: Channel?
        package var accepted: Int64 = 0
        package var rejected: Int64 = 0
        package var observed: Int64 = 0
        /// Attempts by reason, most first.
        package var reasons: [(reason: Reason, count: Int64)] = []
        package var first: Instant
        package var last: Instant
        /// No entry before the period names it. Of a stranger behind the first `mostSources` that is not asked.
        package var isNew = false
        /// The list entry that it is near to (`Policy.neighbour`), if it was not listed itself.
        package var near: String?

        /// nil where it is not one.
        package var ip: IPAddress? { caller.source }
        package var total: Int64 { accepted + rejected + observed }
    }

    /// Sources that a report shows at most, as JSON; its text and its page show fewer (`mostRows`).
    package static let mostSources = 1000

    /// One entry of the source lists, as they were in force at the end of the period.
    package struct Entry: Sendable {
        package var id: String
        package var cidr: CIDRBlock
        /// Attempts that it let in.
        package var attempts: Int64
        /// Attempts that it let in only because it is in mode `observe`; counted in `attempts` too.
        package var observed: Int64
        /// Attempts of its addresses that were rejected all the same.
        package var rejected: Int64
        /// The last of those that it let in, in the period.
        package var last: Instant?
        /// `in force`, `observed only`, `review soon`, `expires soon`, `review overdue` or `expired`.
        package var state: String
    }

    package struct Login: Sendable {
        package var account: String
        package var credential: String
        package var source: IPAddress?
        package var count: Int64
        package var last: Instant
    }

    /// A change of lists or accounts.
    package struct Change: Sendable {
        package enum Outcome: String, Sendable {
            /// By a command, which wrote it into a file.
            case asked
            /// The gate took it over.
            case inForce = "in_force"
            /// The gate did not take it over.
            case refused

            /// For people.
            package var word: String { self == .inForce ? "in force" : rawValue }
        }

        package var time: Instant
        package var outcome: Outcome
        package var lines: [String]
        /// Recent callers that it refuses, a sentence each.
        package var refuses: [String] = []
    }

    package struct ServiceEvent: Sendable {
        package var time: Instant
        package var what: String
        package var isStart = false
        /// How long nothing was recorded before a start that no stop precedes, in seconds.
        package var gap: Int64?
    }

    /// Attempts of a step of time: a minute, an hour, a day.
    package struct Step: Sendable {
        /// When it begins, UTC.
        package var start: Instant
        package var accepted: Int64
        package var rejected: Int64
        package var observed: Int64

        /// The day of its start.
        package var day: String { String(start.description.prefix(10)) }
        package var total: Int64 { accepted + rejected + observed }
    }

    /// Attempts that were rejected because an entry had expired.
    package struct Expiry: Sendable {
        package var entry: String
        package var source: IPAddress?
        package var channel: Channel?
        package var attempts: Int64
        package var last: Instant
    }

    /// Something to look at.
    package struct Finding: Sendable {
        package enum Severity: String, Sendable, CaseIterable { case alarm, warning, note }

        package var severity: Severity
        /// A stable word for programs.
        package var code: String
        package var title: String
        /// What it means, and what to do.
        package var advice: String
        package var items: [String] = []
    }

    package var node: String
    package var period: ReportPeriod
    package var made: Instant
    /// Where what can be read of the ledger begins; nil when it is empty.
    package var beginning: LedgerBeginning?
    package var policy: String
    /// What must be said of the lists, a sentence each: that they are not those of the period, say.
    package var policyNotes: [String] = []
    /// Entries of the ledger in the period: first and last seq; nil when there are none.
    package var seqs: ClosedRange<Int64>?
    package var attempts: Int64 = 0
    package var accepted: Int64 = 0
    package var rejected: Int64 = 0
    package var observed: Int64 = 0
    package var reasons: [(reason: Reason, count: Int64)] = []
    /// The verdicts of each reason.
    package var verdicts: [Reason: [Verdict: Int64]] = [:]
    /// Each day of the period, UTC.
    package var days: [Step] = []
    /// Each step of the period's own unit.
    package var steps: [Step] = []
    /// Most attempts first, then by address.
    package var sources: [Source] = []
    /// Attempts of sources that are not told apart, because too many came: there are more than `sources`.
    package var untold: Int64 = 0
    /// There may be more new ones among `sources` than are marked so.
    package var newAreMore = false
    package var entries: [Entry] = []
    /// Entries that accepted attempts name, and that the lists do not have any more, or not for them.
    package var removedEntries: [(id: String, attempts: Int64, last: Instant)] = []
    package var expiries: [Expiry] = []
    package var logins: [Login] = []
    package var changes: [Change] = []
    /// Since when the gate was stopped when the period began; nil: it ran, or the ledger does not tell.
    package var stoppedBefore: Instant?
    package var services: [ServiceEvent] = []
    /// When the clock was set, and where entries tell it.
    package var clockChanges: [String] = []
    /// When an expected contact was overdue, and whose.
    package var silences: [String] = []
    package var exports: [ServiceEvent] = []
    /// Entries that `changes`, `services` and `exports` do not tell of, by kind (policy, service, access): those behind the first
    /// `LedgerTally.notableLimit`.
    package var leftOut: [EntryKind: Int64] = [:]
    /// Most severe first.
    package var findings: [Finding] = []
}

extension LedgerTally.Caller {
    /// For people; nil where none is known.
    var name: String? {
        switch self {
        case .source(let ip): ip.description
        case .network(let block): "others in \(block)"
        case .unknown: nil
        }
    }
}
