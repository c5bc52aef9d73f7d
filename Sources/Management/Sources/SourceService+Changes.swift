// What changed lists mean for those who called lately.
package import Admission
import JSON
import Ledger
import Settings

extension SourceService {
    /// Changes that are looked at, at most, newest first.
    private static let mostChanges = 20

    /// What `new` decides otherwise than `old` about those who called in the last days. nil: there is no ledger yet.
    /// Throws `LedgerError`.
    package func decidedDifferently(
        by new: Policy, than old: Policy, days: Int64 = 30, now: Instant = .now()
    ) throws -> DecisionChanges? {
        guard try settings.ledgerHandle.isThere() else { return nil }
        return try DecisionChanges.between(
            old, new, in: settings.ledgerHandle.reader(), since: now - .seconds(days * 86_400), now: now,
            limit: .seconds(10))
    }

    /// Sources that were let in in the last days, and that the lists in force refuse because of a change in these days, the
    /// newest change first. Changes whose lists are not known are passed over. Throws `LedgerError`.
    package func refusedAfterLastChange(
        days: Int64 = 30, now: Instant = .now()
    ) throws -> [RefusedAfterChange] {
        guard try settings.ledgerHandle.isThere() else { return [] }
        let reader = try settings.ledgerHandle.reader()
        let history = PolicyHistory(reader, settings.ledgerHandle.policies)
        let since = now - .seconds(days * 86_400)
        guard let inForce = try history.standing(at: now).flatMap({ try? $0.policy.get() }) else { return [] }
        var known: Set<Caller> = []
        var found: [RefusedAfterChange] = []
        for change in try changes(reader, since: since) {
            guard let old = try? history.policy(change.from).get(),
                let new = try? history.policy(change.to).get()
            else { continue }
            let refused = try DecisionChanges.between(old, new, in: reader, since: since, now: now).refused
            for refusal in refused
            where inForce.match(refusal.source, channel: refusal.channel, at: now).verdict == .rejected
                && known.insert(Caller(source: refusal.source, channel: refusal.channel)).inserted
            {
                var query = LedgerQuery()
                query.sources = [CIDRBlock(of: refusal.source)]
                query.channels = [refusal.channel]
                query.verdicts = [.rejected]
                query.above = change.seq
                query.order = .newestFirst
                query.limit = 1
                found.append(
                    RefusedAfterChange(
                        seq: change.seq, time: change.time, change: refusal,
                        lastRefused: try reader.entries(query).first?.time))
            }
        }
        return found
    }

    private struct Caller: Hashable {
        var source: IPAddress
        var channel: Channel
    }

    private struct Change {
        var seq: Int64
        var time: Instant
        var from: String
        var to: String
    }

    /// Entries of changes and of starts with other lists, newest first.
    private func changes(_ reader: any LedgerReading, since: Instant) throws -> [Change] {
        var query = LedgerQuery()
        query.since = since
        query.kinds = [.service, .policy]
        query.reasons = [.started, .changed]
        query.verdicts = [.accepted]
        query.order = .newestFirst
        query.limit = 1000
        let changes = try reader.entries(query).lazy.compactMap { stored -> Change? in
            guard let entry = try? stored.value(), let to = entry["policy"]?.string,
                let from = entry["detail"]?["from"]?.string, from != to
            else { return nil }
            return Change(seq: stored.seq, time: stored.time, from: from, to: to)
        }
        return Array(changes.prefix(Self.mostChanges))
    }
}
