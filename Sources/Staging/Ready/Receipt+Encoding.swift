// The bytes of a receipt. Each event has one, so they are written member by member and not through an encoder.
import JSON

extension Receipt {
    /// The receipt's file: canonical JSON (`CanonicalJSON`) and a newline.
    package func encoded() -> [UInt8] {
        var json = CanonicalJSON(capacity: 768)
        write(to: &json)
        return json.bytes + [0x0A]
    }

    func write(to json: inout CanonicalJSON) { write(to: &json, file: file, line: line, released: released) }

    /// With other values of what a release sets.
    /// Members in sorted order: the order of the source is the order of the bytes.
    func write(to json: inout CanonicalJSON, file: String, line: Int?, released: String?) {
        json.openObject()
        json.member("account", account)
        json.member("bytes", bytes)
        json.member("channel", channel)
        json.member("content_type", contentType)
        json.member("credential", credential)
        json.member("drop", drop)
        json.member("duplicate_of", duplicateOf)
        if let entries {
            json.key("entries")
            json.openArray()
            for entry in entries { json.string(entry) }
            json.closeArray()
        }
        json.member("envelope", envelope)
        json.member("event_id", eventID)
        json.member("event_type", eventType)
        json.member("file", file)
        json.member("format", format.map(Int64.init))
        json.member("line", line.map(Int64.init))
        json.member("modified", modified)
        json.member("name", name)
        json.member("origin", origin)
        json.member("path", path)
        json.member("policy", policy)
        json.member("pulled", pulled)
        json.member("reason", reason)
        json.member("received", received)
        json.member("released", released)
        json.member("same_event_as", sameEventAs)
        json.member("seq", seq)
        json.member("sha256", sha256)
        json.member("source", source)
        json.member("uploaded_as", uploadedAs)
        json.closeObject()
    }
}
