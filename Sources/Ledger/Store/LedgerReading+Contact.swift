// When somebody was last heard from: the newest attempt that the source lists let in, also one that an entry in mode `observe`
// let in.
package import Admission
import JSON

extension LedgerReading {
    /// The newest contact that a query matches, which tells sources, channels, list entries and bounds. A probe is none, nor is
    /// what was released from quarantine or fetched from another gate. Throws `LedgerError`.
    package func lastContact(_ query: LedgerQuery) throws -> StoredEntry? { try contact(query, .newestFirst) }

    /// The oldest contact that a query matches, as for `lastContact`.
    package func firstContact(_ query: LedgerQuery) throws -> StoredEntry? {
        try contact(query, .oldestFirst)
    }

    /// The time of the last contact by this entry on a channel, or nil when the ledger has none.
    /// - Parameter above: only entries above this one; nil: all.
    package func lastContact(
        _ entry: SourceEntry, on channel: Channel, above: Int64? = nil
    ) throws -> Instant? {
        var query = LedgerQuery()
        query.sources = [entry.cidr]
        query.entries = [entry.id]
        query.channels = [channel]
        query.above = above
        return try lastContact(query)?.time
    }

    private func contact(_ query: LedgerQuery, _ order: LedgerQuery.Order) throws -> StoredEntry? {
        var query = query
        query.order = order
        query.limit = 64
        query.kinds = Attempt.contacts
        query.verdicts = [.accepted, .observed]
        query.reasons = Set(Reason.allCases).subtracting([.pulled])
        while true {
            let page = try entries(query)
            let found = try page.first { try $0.value()["detail"]?[Attempt.releasedMember] == nil }
            if let found { return found }
            // Releases in a row, of events that quarantine held.
            guard page.count == query.limit, let last = page.last else { return nil }
            query.after = last.seq
        }
    }
}
