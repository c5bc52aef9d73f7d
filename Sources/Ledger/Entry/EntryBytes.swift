// One entry as canonical bytes and its RFC 6962 leaf hash. Pure.
package import Admission
import JSON

/// The canonical bytes of one entry and its leaf hash.
package struct EntryBytes: Sendable, Hashable {
    package let json: [UInt8]
    /// SHA-256(0x00 || json), RFC 6962 section 2.1.
    package let leaf: MerkleHash

    /// - Parameter clock: what the machine's clock said, where it was behind `time`.
    package init(_ attempt: Attempt, seq: Int64, time: Instant, clock: Instant? = nil, node: String) {
        json = Self.encode(attempt, seq: seq, time: time, clock: clock, node: node)
        leaf = MerkleHash.leaf(json)
    }

    /// Members in sorted order: the order of the source is the order of the bytes.
    private static func encode(
        _ attempt: Attempt, seq: Int64, time: Instant, clock: Instant?, node: String
    ) -> [UInt8] {
        var json = CanonicalJSON(capacity: 768)
        json.openObject()
        json.member("account", attempt.account)
        if let mode = attempt.addressMode { json.member("address_mode", mode.rawValue) }
        if let channel = attempt.channel { json.member("channel", channel.rawValue) }
        if let clock { json.member("clock", clock.description) }
        json.key("count")
        json.int(attempt.count)
        json.member("credential", attempt.credential)
        if !attempt.detail.isEmpty {
            json.key("detail")
            json.value(.object(attempt.detail))
        }
        if let drop = attempt.drop { json.drop(drop) }
        if !attempt.entries.isEmpty {
            json.key("entries")
            json.openArray()
            for entry in attempt.entries { json.string(entry) }
            json.closeArray()
        }
        if let first = attempt.first { json.member("first", first.description) }
        json.member("kind", attempt.kind.rawValue)
        if let last = attempt.last { json.member("last", last.description) }
        json.member("node", node)
        if let peer = attempt.peer, peer != attempt.source { json.endpoint("peer", peer) }
        json.member("policy", attempt.policy)
        json.member("reason", attempt.reason.rawValue)
        if let request = attempt.request { json.request(request) }
        json.key("seq")
        json.int(seq)
        if let source = attempt.source { json.endpoint("source", source) }
        json.member("time", time.description)
        json.member("verdict", attempt.verdict.rawValue)
        json.closeObject()
        return json.bytes
    }
}

extension CanonicalJSON {
    fileprivate mutating func endpoint(_ name: StaticString, _ endpoint: Endpoint) {
        key(name)
        openObject()
        member("ip", endpoint.ip.description)
        if let port = endpoint.port {
            key("port")
            int(port)
        }
        closeObject()
    }

    fileprivate mutating func drop(_ drop: DropFacts) {
        key("drop")
        openObject()
        key("bytes")
        int(drop.bytes)
        member("event_id", drop.eventID)
        member("event_type", drop.eventType)
        member("id", drop.id)
        member("name", drop.name)
        if let received = drop.received { member("received", received.description) }
        member("sha256", drop.sha256)
        closeObject()
    }

    fileprivate mutating func request(_ request: RequestFacts) {
        key("request")
        openObject()
        member("id", request.id)
        member("method", request.method)
        member("path", request.path)
        if let status = request.status {
            key("status")
            int(status)
        }
        closeObject()
    }
}
