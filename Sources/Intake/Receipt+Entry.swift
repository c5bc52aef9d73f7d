// A receipt from what the ledger holds: the same one from the attempt just committed and, after a crash, from
// the entry's bytes.
import Admission
import JSON
import Ledger
import Staging

extension Receipt {
    /// From an attempt that was just committed.
    init(_ attempt: Attempt, _ appended: AppendedEntry, drop: DropRecord) {
        self.init(
            drop: drop.id, channel: attempt.channel?.rawValue ?? "", name: "", file: "",
            bytes: attempt.drop?.bytes ?? 0, received: appended.time.description)
        seq = appended.seq
        source = attempt.source?.ip.description
        account = attempt.account
        credential = attempt.credential
        sha256 = attempt.drop?.sha256
        eventID = attempt.drop?.eventID
        eventType = attempt.drop?.eventType
        duplicateOf = appended.repeats ?? attempt.detail["duplicate_of"]?.string
        sameEventAs = appended.sameEvent ?? attempt.detail["same_event_as"]?.string
        take(detail: attempt.detail, drop)
    }

    /// From the canonical bytes of the entry that accepted a drop. Throws when they are not such an entry.
    init(entry: [UInt8], drop: DropRecord) throws {
        let value = try JSONValue(parsing: entry)
        guard let facts = value["drop"], let bytes = facts["bytes"]?.int,
            let channel = value["channel"]?.string
        else {
            throw JSONValueError(description: "entry \(drop.seq) does not describe a drop")
        }
        self.init(
            drop: drop.id, channel: channel, name: "", file: "", bytes: bytes,
            received: value["time"]?.string ?? drop.received.description)
        seq = drop.seq
        source = value["source"]?["ip"]?.string
        account = value["account"]?.string
        credential = value["credential"]?.string
        sha256 = facts["sha256"]?.string
        eventID = facts["event_id"]?.string
        eventType = facts["event_type"]?.string
        duplicateOf = value["detail"]?["duplicate_of"]?.string
        sameEventAs = value["detail"]?["same_event_as"]?.string
        take(detail: value["detail"]?.object ?? [:], drop)
    }

    /// What its sender changed since stands in the record.
    private mutating func take(detail: [String: JSONValue], _ drop: DropRecord) {
        let sent =
            detail["name_as_sent"]?.string ?? drop.readyPath.split(separator: "/").last.map(String.init)
            ?? drop.readyPath
        name = drop.name ?? sent
        uploadedAs = detail["uploaded_as"]?.string ?? (name.utf8.elementsEqual(sent.utf8) ? nil : sent)
        envelope = detail["envelope"]?.string
        contentType = detail["content_type"]?.string
        modified = drop.modified.flatMap(UploadRegistration.time) ?? detail["modified"]?.string
        origin = detail["pulled_from"]?.string
    }
}
