// Which attempts are somebody's call: what "last heard from" goes by.
import Admission
import JSON

extension Attempt {
    /// What counts as contact. A probe does not, and neither does a connection that brought nothing.
    package static let contacts: Set<EntryKind> = [.request, .login, .transfer]

    /// The member of `detail` that says where an event was released from.
    package static let releasedMember = "released_from"

    /// Whether it is somebody's call. An event that was released from quarantine called long ago, and what was fetched from
    /// another gate called there.
    package var isContact: Bool {
        verdict != .rejected && Self.contacts.contains(kind) && reason != .pulled
            && detail[Self.releasedMember] == nil
    }
}
