// An entry's members as the formats ask for them. It reads and names; it leaves nothing out: `rest` has what no
// format knows.
package import Admission
package import JSON
package import Ledger

/// One entry, read. Members that are missing or of another type than expected are nil.
package struct EntryFacts: Sendable {
    package let json: [UInt8]
    package let value: JSONValue
    package let seq: Int64
    package let time: Instant

    /// Throws `JSONValueError` when the stored bytes are not JSON that a ledger holds.
    package init(_ entry: StoredEntry) throws {
        json = entry.json
        value = try entry.value()
        seq = entry.seq
        time = entry.time
    }

    var node: String { text("node") ?? "" }
    var kind: EntryKind? { text("kind").flatMap(EntryKind.init) }
    var verdict: Verdict? { text("verdict").flatMap(Verdict.init) }
    var reason: Reason? { text("reason").flatMap(Reason.init) }

    /// Unique over all ledgers whose nodes have names of their own.
    var uid: String { "\(node)/\(seq)" }

    /// The address that called; of what was refused before it was known, the other end of the socket.
    var source: JSONValue? { value["source"] ?? value["peer"] }
    var sourceIP: String? { source?["ip"]?.string }

    /// The account, or the local user that an access entry names.
    var user: String? { text("account") ?? value["detail"]?["user"]?.string }

    var count: Int64 { value["count"]?.int ?? 1 }

    /// When the first and last of several attempts came.
    var first: Instant? { text("first").flatMap { Instant(rfc3339: $0) } }
    var last: Instant? { text("last").flatMap { Instant(rfc3339: $0) } }

    /// The drop's name, or the path of a refused operation.
    var fileName: String? { value["drop"]?["name"]?.string ?? value["detail"]?["path"]?.string }

    /// One line for people, of the gate's own words and an address alone.
    var summary: String {
        var words = [text("verdict") ?? "", text("kind") ?? ""]
        if let sourceIP { words.append("from \(sourceIP)") }
        if let channel = text("channel") { words.append("on \(channel)") }
        return words.filter { !$0.isEmpty }.joined(separator: " ") + ": \(text("reason") ?? "")"
    }

    func text(_ name: String) -> String? { value[name]?.string }

    /// The value at a dotted path.
    func at(_ path: String) -> JSONValue? {
        path.split(separator: ".").reduce(Optional(value)) { $0?[String($1)] }
    }

    /// All members but these.
    func rest(without names: Set<String>) -> [String: JSONValue] {
        (value.object ?? [:]).filter { !names.contains($0.key) }
    }
}

/// How grave an entry is, the same in every format.
enum EntrySeverity: Int64 {
    case info = 0
    case notice, warning, error

    init(_ facts: EntryFacts) {
        switch (facts.verdict, facts.reason) {
        case (_, .ledgerFailed), (_, .stagingFull), (_, .sshdFailed): self = .error
        case (.rejected, _) where facts.kind == .service || facts.kind == .policy: self = .error
        case _ where facts.kind == .service && facts.at("detail.error") != nil: self = .error
        case (.accepted, _): self = .info
        case (.observed, _): self = .notice
        default: self = .warning
        }
    }
}

extension JSONValue {
    /// An object of the members that are there; nil when none is.
    static func members(_ members: [String: JSONValue?]) -> JSONValue? {
        let present = members.compactMapValues { $0 }
        return present.isEmpty ? nil : .object(present)
    }

    static func text(_ text: String?) -> JSONValue? { text.map(JSONValue.string) }
}
