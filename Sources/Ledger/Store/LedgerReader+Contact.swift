// When somebody was last heard from: the newest accepted attempt that an entry of a source list let in.
package import Admission
import JSON

extension LedgerReader {
    /// What counts as contact. A probe does not, and neither does a connection that brought nothing.
    package static let contacts: Set<EntryKind> = [.request, .login, .transfer]

    /// Whether an attempt is somebody's call. An event that was released from quarantine called long ago.
    package static func isContact(_ attempt: Attempt) -> Bool {
        attempt.verdict != .rejected && contacts.contains(attempt.kind)
            && attempt.detail[LedgerReader.releasedMember] == nil
    }

    /// The member of `detail` that says where an event was released from.
    package static let releasedMember = "released_from"
    /// Entries that are looked at: more than a few releases in a row without a call between them are not expected.
    private static let sample = 64

    /// The time of the last contact by this entry on a channel, or nil when the ledger has none.
    package func lastContact(_ entry: SourceEntry, on channel: Channel) throws -> Instant? {
        var query = LedgerQuery()
        query.order = .newestFirst
        query.limit = Self.sample
        query.sources = [entry.cidr]
        query.entries = [entry.id]
        query.channels = [channel]
        query.kinds = Self.contacts
        query.verdicts = [.accepted, .observed]
        return try entries(query).first { try $0.value()["detail"]?[Self.releasedMember] == nil }?.time
    }
}
