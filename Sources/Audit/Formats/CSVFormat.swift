// Entries as rows of a spreadsheet. `detail`, which differs from kind to kind, is one cell of JSON.
import Admission
import JSON

package enum CSVFormat {
    /// The columns and the member that each shows.
    private static let members: [(column: String, path: String)] = [
        ("seq", "seq"), ("time", "time"), ("node", "node"), ("kind", "kind"), ("channel", "channel"),
        ("verdict", "verdict"), ("reason", "reason"), ("source_ip", "source.ip"),
        ("source_port", "source.port"), ("peer_ip", "peer.ip"), ("address_mode", "address_mode"),
        ("entries", "entries"), ("account", "account"), ("credential", "credential"),
        ("request_id", "request.id"), ("method", "request.method"), ("path", "request.path"),
        ("status", "request.status"), ("drop_id", "drop.id"), ("drop_name", "drop.name"),
        ("bytes", "drop.bytes"), ("sha256", "drop.sha256"), ("event_id", "drop.event_id"),
        ("event_type", "drop.event_type"), ("count", "count"), ("first", "first"), ("last", "last"),
        ("policy", "policy"), ("detail", "detail"),
    ]

    package static let columns = members.map(\.column)

    static func record(_ facts: EntryFacts) -> [UInt8] {
        Array(members.map { CSV.cell(cell(facts.at($0.path))) }.joined(separator: ",").utf8)
    }

    /// Empty where the entry says nothing.
    private static func cell(_ value: JSONValue?) -> String {
        switch value {
        case nil: ""
        case .string(let text): text
        case .int(let number): "\(number)"
        case .bool(let flag): "\(flag)"
        case .array(let values): values.compactMap(\.string).joined(separator: " ")
        case .object(let members):
            String(decoding: UntrustedText.json(CanonicalJSON.encode(.object(members))), as: UTF8.self)
        }
    }
}

extension EntryFormat {
    /// RFC 4180 with a header line; lines end with CRLF (section 2).
    package static let csv = EntryFormat(
        "csv", header: Array(CSV.line(CSVFormat.columns).utf8), ending: [0x0D, 0x0A], facts: CSVFormat.record)
}
