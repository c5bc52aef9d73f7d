// How events and uploads are registered in the ledger: their ids, repeat keys, names and facts. Pure.
import Admission
import JSON
import Ledger
import Staging
import TLS

struct WebhookRegistration {
    let drop: DropRegistration
    let facts: DropFacts

    init(_ event: WebhookEvent, id: String? = nil, at now: Instant) {
        let id = id ?? DropID.make(milliseconds: now.microseconds / 1000)
        let digest = SHA256.hash(data: event.body).hex
        let (path, former) = Self.keyPaths(event.path)
        func keys(_ path: String) -> (repeatKey: [UInt8], eventKey: [UInt8]?) {
            let identity = ["webhook", path, event.eventType ?? "", event.eventID ?? ""]
            return (
                DropKeys.digest(identity + [digest]),
                event.eventID == nil ? nil : DropKeys.digest(identity)
            )
        }
        let (repeatKey, eventKey) = keys(path)
        let name = WebhookName(event, dropID: id)
        drop = DropRegistration(
            id: id, content: .body(event.body), repeatKey: repeatKey, eventKey: eventKey, keepsRepeats: false,
            // With an id a repeat is one whenever it comes.
            repeatsWithin: event.eventID == nil ? event.repeatsWithin : nil, formerKeys: former.map(keys),
            readyPath: { name.path(at: $0) })
        facts = DropFacts(
            id: id, name: "", bytes: Int64(event.body.count), sha256: digest, eventID: event.eventID,
            eventType: event.eventType)
    }

    /// The masked secret part of a path, as `WebhookEvent.path` has it.
    private static let secretPart = "/***"

    /// The path by which repeats are told, the same with a secret part and without one: an event is sent again although the
    /// secret was changed, added or left away. And the form as it came, by which earlier versions told repeats; nil where that
    /// is the same: each event would be looked for twice.
    private static func keyPaths(_ path: String) -> (path: String, former: String?) {
        var plain = path
        if path.hasSuffix(secretPart) {
            plain.removeLast(secretPart.utf8.count)
        } else if path.hasSuffix("/") {
            plain.removeLast()
        }
        return (plain, plain == path ? nil : path)
    }
}

struct UploadRegistration {
    let drop: DropRegistration
    let facts: DropFacts
    let detail: [String: JSONValue]

    /// - Parameters:
    ///   - readyPath: reserved in staging.
    ///   - settle: how long it settles; zero: it is released at once.
    init(_ upload: FinishedUpload, readyPath: String, settle: Duration) {
        let (id, account) = (upload.dropID, upload.account)
        drop = DropRegistration(
            id: id,
            content: upload.content.map { .upload($0, incoming: StagingLayout.smallFile(id, of: account)) }
                ?? .incoming(StagingLayout.acceptedFile(id, of: account)),
            repeatKey: DropKeys.digest(["sftp", upload.account, upload.path, upload.sha256]), eventKey: nil,
            keepsRepeats: true, name: upload.path, settle: settle > .zero ? settle : nil,
            readyPath: { _ in readyPath })
        facts = DropFacts(id: upload.dropID, name: readyPath, bytes: upload.bytes, sha256: upload.sha256)
        var detail: [String: JSONValue] = ["name_as_sent": .string(upload.path)]
        detail["modified"] = upload.modified.flatMap(Self.time).map(JSONValue.string)
        detail["uploaded_as"] = upload.uploadedAs.map(JSONValue.string)
        self.detail = detail
    }

    /// A sender's time, seconds since the epoch, as text; nil for what can be none.
    static func time(_ seconds: Int64) -> String? {
        seconds.magnitude < 1 << 40 ? Instant(microseconds: seconds * 1_000_000).description : nil
    }
}
