// What lists that changed decide otherwise about those who called lately: the warning before a source that VSee uses is
// refused. It looks sources up one by one, so that neither memory nor time grows with how often they called.
package import Admission
package import JSON
package import Ledger

/// One source on one channel that other lists decide otherwise about.
package struct DecisionChange: Sendable, Hashable {
    package var source: IPAddress
    package var channel: Channel
    /// Whether it is let in now, and was refused before; else the other way round.
    package var isLetIn: Bool
    /// Why it is now as it is.
    package var reason: Reason
    /// Its newest attempt that was decided as before, and the list entries that this one rested on.
    package var last: Instant
    package var entries: [String]

    package var text: String {
        let who = "\(source) on \(channel.rawValue)"
        if isLetIn { return "\(who) was refused, last at \(last); it is let in from now on" }
        let by = entries.isEmpty ? "" : " by \(entries.joined(separator: ", "))"
        return "\(who) was let in\(by), last at \(last); it is refused from now on (\(reason.rawValue))"
    }

    package var json: JSONValue {
        .object([
            "source": .string(source.description), "channel": .string(channel.rawValue), "let_in": .bool(isLetIn),
            "reason": .string(reason.rawValue), "last": .string(last.description),
            "entries": .array(entries.map(JSONValue.string)),
        ])
    }
}

package struct DecisionChanges: Sendable {
    package private(set) var all: [DecisionChange] = []
    /// Whether everybody was looked at who called from the changed blocks.
    package private(set) var isComplete = true

    package var refused: [DecisionChange] { all.filter { !$0.isLetIn } }

    /// Sources that are looked at, at most.
    private static let mostSources = 1000

    /// Who called since a moment, and is let in by `new` and not by `old`, or the other way round, at `now`. Sealed entries are
    /// not looked at. Blocks. Throws `LedgerError`.
    /// - Parameter limit: the time that it may take, more or less.
    package static func between(
        _ old: Policy, _ new: Policy, in reader: any LedgerReading, since: Instant, now: Instant,
        limit: Duration = .seconds(2)
    ) throws -> DecisionChanges {
        var found = DecisionChanges()
        let (before, after) = (Set(old.entries), Set(new.entries))
        // An address of no block that changed is decided as it was.
        let blocks = Set(before.symmetricDifference(after).map(\.cidr))
        guard !blocks.isEmpty else { return found }
        let end = ContinuousClock.now + limit
        let sources = try reader.sources(in: Array(blocks), since: since, limit: mostSources + 1)
        found.isComplete = sources.count <= mostSources
        for source in sources.prefix(mostSources) {
            for channel in [Channel.webhook, .sftp] {
                let was = old.match(source, channel: channel, at: now)
                let becomes = new.match(source, channel: channel, at: now)
                guard (was.verdict == .rejected) != (becomes.verdict == .rejected) else { continue }
                guard ContinuousClock.now < end else {
                    found.isComplete = false
                    return found
                }
                let isLetIn = was.verdict == .rejected
                guard let last = try newest(source, channel, rejected: isLetIn, in: reader, since: since) else {
                    continue
                }
                found.all.append(
                    DecisionChange(
                        source: source, channel: channel, isLetIn: isLetIn, reason: becomes.reason, last: last.time,
                        entries: try last.value()["entries"]?.array?.compactMap(\.string) ?? []))
            }
        }
        return found
    }

    /// The newest attempt that lists rejected, or the newest contact.
    private static func newest(
        _ source: IPAddress, _ channel: Channel, rejected: Bool, in reader: any LedgerReading, since: Instant
    ) throws -> StoredEntry? {
        var query = LedgerQuery()
        query.sources = [CIDRBlock(of: source)]
        query.channels = [channel]
        query.since = since
        query.order = .newestFirst
        query.limit = 1
        if rejected {
            query.verdicts = [.rejected]
            query.reasons = [.notListed, .entryExpired, .wrongChannel]
            return try reader.entries(query).first
        }
        query.verdicts = [.accepted, .observed]
        query.kinds = Attempt.contacts
        return try reader.entries(query).first
    }
}

/// A change of the lists after which a source is refused that was let in before.
package struct RefusedAfterChange: Sendable {
    /// The entry of the change, or of the start with other lists, and when it was.
    package let seq: Int64
    package let time: Instant
    package let change: DecisionChange
    /// Its newest attempt that was refused after the change; nil: it has not called since.
    package let lastRefused: Instant?

    package var json: JSONValue {
        guard case .object(var members) = change.json else { return change.json }
        members["changed_by_entry"] = .int(seq)
        members["changed"] = .string(time.description)
        members["last_refused"] = lastRefused.map { .string($0.description) }
        return .object(members)
    }
}
