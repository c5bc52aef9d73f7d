// What lists that changed decide otherwise about those who called lately: the warning before a source that VSee uses is
// refused. It looks sources up one by one, so that neither memory nor time grows with how often they called.
package import Admission
import JSON
package import Ledger

package struct DecisionChanges: Sendable {
    package private(set) var all: [DecisionChange] = []
    /// Whether everybody was looked at who called from the changed blocks.
    package private(set) var isComplete = true

    package var refused: [DecisionChange] { all.filter { !$0.isLetIn } }

    /// Sources and blocks that are looked at on either side, at most.
    private static let mostSources = 1000
    private static let mostBlocks = 1000

    /// Who called since a moment, and is let in by `new` and not by `old`, or the other way round, at `now`. Sealed entries are
    /// not looked at. Blocks. Throws `LedgerError`.
    /// - Parameter limit: the time that it may take, more or less.
    package static func between(
        _ old: Policy, _ new: Policy, in reader: any LedgerReading, since: Instant, now: Instant,
        limit: Duration = .seconds(2)
    ) throws -> DecisionChanges {
        var found = DecisionChanges()
        let end = ContinuousClock.now + limit
        let (before, after) = (Set(old.entries), Set(new.entries))
        // An address of no block that changed is decided as it was. Blocks that are gone come first: whoever is refused must
        // not be missed for the many who try an address range that is new.
        for changed in [before.subtracting(after), after.subtracting(before)] {
            for source in try found.callers(Set(changed.map(\.cidr)), reader, since: since) {
                guard ContinuousClock.now < end else {
                    found.isComplete = false
                    return found
                }
                for channel in [Channel.webhook, .sftp] {
                    try found.compare(source, on: channel, old, new, in: reader, since: since, now: now)
                }
            }
        }
        return found
    }

    /// Who called from these blocks, as far as that is looked at.
    private mutating func callers(
        _ blocks: Set<CIDRBlock>, _ reader: any LedgerReading, since: Instant
    ) throws -> ArraySlice<IPAddress> {
        guard !blocks.isEmpty else { return [] }
        let sources = try reader.sources(
            in: Array(blocks.prefix(Self.mostBlocks)), since: since, limit: Self.mostSources + 1)
        if blocks.count > Self.mostBlocks || sources.count > Self.mostSources { isComplete = false }
        return sources.prefix(Self.mostSources)
    }

    private mutating func compare(
        _ source: IPAddress, on channel: Channel, _ old: Policy, _ new: Policy, in reader: any LedgerReading,
        since: Instant, now: Instant
    ) throws {
        let was = old.match(source, channel: channel, at: now)
        let becomes = new.match(source, channel: channel, at: now)
        let isLetIn = becomes.verdict != .rejected
        guard (was.verdict != .rejected) != isLetIn,
            !all.contains(where: { $0.source == source && $0.channel == channel }),
            let last = try Self.newest(source, channel, rejected: isLetIn, in: reader, since: since)
        else { return }
        all.append(
            DecisionChange(
                source: source, channel: channel, isLetIn: isLetIn, reason: becomes.reason, last: last.time,
                entries: try last.value()["entries"]?.array?.compactMap(\.string) ?? []))
    }

    /// The newest attempt that lists rejected, or the newest contact.
    private static func newest(
        _ source: IPAddress, _ channel: Channel, rejected: Bool, in reader: any LedgerReading, since: Instant
    ) throws -> StoredEntry? {
        var query = LedgerQuery()
        query.sources = [CIDRBlock(of: source)]
        query.channels = [channel]
        query.since = since
        guard rejected else { return try reader.lastContact(query) }
        query.order = .newestFirst
        query.limit = 1
        query.verdicts = [.rejected]
        query.reasons = CallerHistory.reasons
        return try reader.entries(query).first
    }
}
