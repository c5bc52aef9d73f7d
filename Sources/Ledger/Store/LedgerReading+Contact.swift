// When somebody was last heard from: the newest accepted attempt that an entry of a source list let in.
package import Admission
import JSON

extension LedgerReading {
    /// The time of the last contact by this entry on a channel, or nil when the ledger has none.
    package func lastContact(_ entry: SourceEntry, on channel: Channel) throws -> Instant? {
        var query = LedgerQuery()
        query.order = .newestFirst
        // More than a few releases in a row without a call between them are not expected.
        query.limit = 64
        query.sources = [entry.cidr]
        query.entries = [entry.id]
        query.channels = [channel]
        query.kinds = Attempt.contacts
        query.verdicts = [.accepted, .observed]
        return try entries(query).first { try $0.value()["detail"]?[Attempt.releasedMember] == nil }?.time
    }
}
