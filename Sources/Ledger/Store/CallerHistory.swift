// Why a source that is refused was let in before: its last contact, and the change of the source lists that answers for the
// refusal. The one look-up for doctor and for the table of attempts; it decides nothing.
package import Admission
import JSON

/// Methods block, and throw `LedgerError`.
package struct CallerHistory {
    /// Refusals that the lists alone decide.
    package static let reasons: Set<Reason> = [.notListed, .wrongChannel, .entryExpired]

    package struct Caller: Sendable, Hashable {
        package var ip: IPAddress
        package var channel: Channel

        package init(ip: IPAddress, channel: Channel) {
            self.ip = ip
            self.channel = channel
        }
    }

    /// A contact.
    package struct LetIn: Sendable {
        package var seq: Int64
        package var time: Instant
        /// The list entries that let it in, and the version of their lists.
        package var entries: [String]
        package var policy: String?

        fileprivate init(_ stored: StoredEntry) throws {
            let entry = try stored.value()
            (seq, time) = (stored.seq, stored.time)
            entries = entry["entries"]?.array?.compactMap(\.string) ?? []
            policy = entry["policy"]?.string
        }
    }

    /// An entry that refuses a caller.
    package struct Refusal: Sendable {
        package var reason: Reason
        package var seq: Int64
        /// The version of the lists that refused it; nil where its entry names none.
        package var policy: String?

        package init(reason: Reason, seq: Int64, policy: String?) {
            self.reason = reason
            self.seq = seq
            self.policy = policy
        }
    }

    private let reader: any LedgerReading
    /// Changes of the lists and starts among these entries, oldest first.
    private var changes: [ListChange] = []
    private var known: Range<Int64> = 0..<0

    package init(_ reader: any LedgerReading) { self.reader = reader }

    /// When a caller was let in last below an entry, and not before a moment; nil where the ledger tells of no such contact.
    package func lastLetIn(_ caller: Caller, since: Instant, below seq: Int64? = nil) throws -> LetIn? {
        var query = Self.query(caller)
        query.since = since
        query.below = seq
        return try reader.lastContact(query).map(LetIn.init)
    }

    /// The first contact of a caller above an entry.
    package func nextContact(_ caller: Caller, above seq: Int64) throws -> Int64? {
        var query = Self.query(caller)
        query.above = seq
        return try reader.firstContact(query)?.seq
    }

    private static func query(_ caller: Caller) -> LedgerQuery {
        var query = LedgerQuery()
        query.sources = [CIDRBlock(of: caller.ip)]
        query.channels = [caller.channel]
        return query
    }

    /// The change of the lists by which a caller is refused that was let in before, of those up to the lists that refused it: the
    /// one that says so itself, else the first that takes away what let it in or changes what that decides, else the first that
    /// may refuse its address. For an entry that expired only one that says so itself: its time was over without a change, as a
    /// rule. nil where none is known, and where the same lists did both.
    package mutating func change(
        after letIn: LetIn, of caller: Caller, refusal: Refusal
    ) throws -> ListChange? {
        if let policy = refusal.policy, policy == letIn.policy { return nil }
        try read(letIn.seq + 1..<max(refusal.seq, letIn.seq + 1))
        var later = Self.changes(changes, between: letIn, and: refusal)
        if let policy = refusal.policy {
            if let last = later.lastIndex(where: { $0.version == policy }) {
                later.removeSubrange((last + 1)...)
            } else {
                later = try coming(policy, above: refusal.seq).map { [$0] } ?? []
            }
        }
        if let told = later.first(where: { $0.refuses(caller.ip, on: caller.channel) }) { return told }
        guard refusal.reason != .entryExpired else { return nil }
        let others = later.filter { $0.version != letIn.policy && $0.mayRefuse(caller.ip) }
        return others.first { $0.touches(letIn.entries, holding: caller.ip) } ?? others.first
    }

    /// Of some, those that lie between a contact and a refusal. A start with lists that were in force already is none.
    private static func changes(
        _ changes: [ListChange], between letIn: LetIn, and refusal: Refusal
    ) -> [ListChange] {
        var inForce = letIn.policy
        return changes.filter { change in
            guard change.seq > letIn.seq, change.seq < refusal.seq else { return false }
            defer { inForce = change.version }
            return change.changesLists || change.version != inForce
        }
    }

    /// Entries are read once, however many callers are asked about.
    private mutating func read(_ range: Range<Int64>) throws {
        if range.isEmpty { return }
        if known.isEmpty {
            changes = try changes(in: range)
            known = range
            return
        }
        if range.lowerBound < known.lowerBound {
            changes = try changes(in: range.lowerBound..<known.lowerBound) + changes
            known = range.lowerBound..<known.upperBound
        }
        if range.upperBound > known.upperBound {
            changes += try changes(in: known.upperBound..<range.upperBound)
            known = known.lowerBound..<range.upperBound
        }
    }

    /// Changes of accounts and what commands write are none.
    private func changes(in range: Range<Int64>) throws -> [ListChange] {
        var query = ListChange.query
        query.above = range.lowerBound - 1
        query.below = range.upperBound
        query.limit = 256
        var found: [ListChange] = []
        try forEach(query) { change in
            found.append(change)
            return true
        }
        return found
    }

    /// Changed lists refuse whom they do not name before the entry of their change is written, and for as long as it cannot be
    /// written. nil where others came into force first.
    private func coming(_ version: String, above seq: Int64) throws -> ListChange? {
        var query = ListChange.query
        query.above = seq
        query.limit = 16
        var next: ListChange?
        try forEach(query) { change in
            // A start that found its lists in force changes nothing.
            if change.changesLists { next = change }
            return next == nil
        }
        return next?.version == version ? next : nil
    }

    /// Oldest first, until the body returns false.
    private func forEach(_ query: LedgerQuery, _ body: (ListChange) -> Bool) throws {
        var query = query
        while true {
            let page = try reader.entries(query)
            for entry in page {
                if let change = try ListChange(entry), !body(change) { return }
            }
            guard page.count == query.limit, let last = page.last else { return }
            query.after = last.seq
        }
    }
}
