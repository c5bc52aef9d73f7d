// The entry that accepted a drop, and the one place where a receipt is made of it.
import Admission
import JSON
package import Ledger
package import Staging

/// The entry that accepted a drop: the same from the attempt that was just committed and, after a crash, from its bytes.
package struct AcceptedEntry: Sendable {
    var seq: Int64
    /// The entry's own, RFC 3339.
    var time: String
    var channel: String
    var source: String?
    var account: String?
    var credential: String?
    /// None: not told.
    var entries: [String]
    var policy: String?
    var facts: DropFacts
    var detail: [String: JSONValue]

    /// From an attempt that was just committed, and that names its drop.
    init(_ attempt: Attempt, _ appended: AppendedEntry) {
        seq = appended.seq
        time = appended.time.description
        channel = attempt.channel?.rawValue ?? ""
        source = attempt.source?.ip.description
        account = attempt.account
        credential = attempt.credential
        entries = attempt.entries
        policy = attempt.policy
        facts = attempt.drop ?? DropFacts(id: "", name: "", bytes: 0, sha256: nil)
        detail = attempt.detail
        // What the ledger found when it took the entry.
        if let other = appended.repeats { detail["duplicate_of"] = .string(other) }
        if let other = appended.sameEvent { detail["same_event_as"] = .string(other) }
    }

    /// From an entry's canonical bytes. Throws when they describe no drop.
    package init(_ bytes: [UInt8]) throws {
        let value = try JSONValue(parsing: bytes)
        guard let seq = value["seq"]?.int, let time = value["time"]?.string,
            let channel = value["channel"]?.string,
            let drop = value["drop"], let size = drop["bytes"]?.int
        else {
            throw JSONValueError(
                description: "entry \(value["seq"]?.int.map(String.init) ?? "?") does not describe a drop")
        }
        self.seq = seq
        self.time = time
        self.channel = channel
        source = value["source"]?["ip"]?.string
        account = value["account"]?.string
        credential = value["credential"]?.string
        entries = value["entries"]?.array?.compactMap(\.string) ?? []
        policy = value["policy"]?.string
        facts = DropFacts(
            id: drop["id"]?.string ?? "", name: drop["name"]?.string ?? "", bytes: size,
            sha256: drop["sha256"]?.string, eventID: drop["event_id"]?.string,
            eventType: drop["event_type"]?.string,
            received: drop["received"]?.string.flatMap { Instant(rfc3339: $0) })
        detail = value["detail"]?.object ?? [:]
    }

    /// The sender's modification time as it was when the drop was accepted, RFC 3339.
    package var modified: String? { detail["modified"]?.string }
}

extension Receipt {
    /// Where the file lies and when it was released is set by the release.
    /// - Parameter drop: as it is now; what its sender changed since the entry stands here.
    package init(_ entry: AcceptedEntry, drop: DropRecord) {
        self.init(
            drop: drop.id, channel: entry.channel, name: "", file: "", bytes: entry.facts.bytes,
            received: entry.facts.received?.description ?? entry.time)
        seq = entry.seq
        source = entry.source
        account = entry.account
        credential = entry.credential
        entries = entry.entries.isEmpty ? nil : entry.entries
        policy = entry.policy
        sha256 = entry.facts.sha256
        eventID = entry.facts.eventID
        eventType = entry.facts.eventType
        func text(_ member: String) -> String? { entry.detail[member]?.string }
        duplicateOf = text("duplicate_of")
        sameEventAs = text("same_event_as")
        // An event of a batch has the batch's path since its release. The entry has its own, but for one that was just appended.
        let path = entry.facts.name.isEmpty ? drop.readyPath : entry.facts.name
        let sent = text("name_as_sent") ?? StagingLayout.fileName(of: path)
        name = drop.name ?? sent
        uploadedAs = text("uploaded_as") ?? (name.utf8.elementsEqual(sent.utf8) ? nil : sent)
        envelope = text("envelope")
        contentType = text("content_type")
        modified = drop.modified.flatMap(UploadRegistration.time) ?? entry.modified
        origin = text("pulled_from")
        pulled = origin == nil ? nil : entry.time
    }
}
