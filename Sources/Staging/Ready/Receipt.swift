// The receipt of a drop: the JSON file a consumer reads beside the data. Values only.

/// Describes one drop. Times are RFC 3339 in UTC; `file` is relative to the staging directory. Consumers read it: each member
/// is described in `.github/guides/consuming.md`, where a test looks for it.
package struct Receipt: Sendable, Hashable {
    /// Rises when a member is renamed, removed, or means something else; not when one is added.
    package static let currentFormat = 1

    /// nil in a receipt that was written before there was this member; its format is 1.
    package var format: Int? = Self.currentFormat
    package var drop: String
    /// The number of the ledger entry that accepted (or gave up) the drop.
    package var seq: Int64?
    package var channel: String
    package var source: String?
    package var account: String?
    package var credential: String?
    /// The entries of the source lists that let the source in, as list/service, and the version of the lists.
    package var entries: [String]?
    package var policy: String?
    /// The name as the sender gave it (files), or the event's file name.
    package var name: String
    /// The name under which a file was sent, where its sender has renamed it since.
    package var uploadedAs: String?
    package var file: String
    /// The line in `file`, counted from 1, where one file holds many events.
    package var line: Int?
    package var bytes: Int64
    package var sha256: String?
    /// The client's modification time, as it said.
    package var modified: String?
    package var eventID: String?
    package var eventType: String?
    /// `v1`, `v2` or `unrecognised`.
    package var envelope: String?
    /// An earlier drop with the same name and bytes.
    package var duplicateOf: String?
    /// An earlier drop with the same event id and another body.
    package var sameEventAs: String?
    /// The gate that it was pulled from, for one that reached another gate first.
    package var origin: String?
    /// Why the drop was not released; only in quarantine.
    package var reason: String?
    /// The request's path with secret parts masked; only of webhooks in quarantine.
    package var path: String?
    /// The request's Content-Type; of webhooks that had one.
    package var contentType: String?
    /// When a gate first received it: this one, or the one that it was pulled from.
    package var received: String
    /// When this gate pulled it from another one.
    package var pulled: String?
    package var released: String?

    package init(drop: String, channel: String, name: String, file: String, bytes: Int64, received: String) {
        self.drop = drop
        self.channel = channel
        self.name = name
        self.file = file
        self.bytes = bytes
        self.received = received
    }
}
