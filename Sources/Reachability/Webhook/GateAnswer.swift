// What a Dropgate gate says of itself in an answer. Anything else is nil: another receiver owes nobody these words.
import Admission
import JSON

struct GateAnswer {
    /// The reference under which the gate has recorded the request.
    var reference: String?
    /// `probe` from a gate that knows probes; `stored` from one that took it for an event.
    var status: String?
    var source: String?
    var entries: [String]
    var verdict: String?
    var reason: String?
    /// Why the gate refuses.
    var error: String?
    /// The number of its ledger entry.
    var seq: Int64?
    /// All that it said.
    private let json: JSONValue

    init?(_ body: [UInt8], _ scrubber: SecretScrubber) {
        guard let said = try? JSONValue(parsing: body), said.object != nil else { return nil }
        let json = scrubber.json(said)
        func text(_ key: String) -> String? { json[key]?.string.map { UntrustedText.head($0, limit: 120) } }
        self.json = json
        reference = text("id")
        status = text("status")
        // An address, or an address with its port.
        source = text("source") ?? json["source"]?["ip"]?.string.map { UntrustedText.head($0, limit: 60) }
        entries = (json["entries"]?.array ?? []).prefix(16).compactMap { $0.string }
            .map { UntrustedText.head($0, limit: 120) }
        verdict = text("verdict")
        reason = text("reason")
        error = text("error")
        seq = json["seq"]?.int
    }

    /// The receiver knows what a probe is and has told what it saw.
    var isDropgate: Bool { verdict != nil && json["policy"] != nil && json["address_mode"] != nil }

    /// For the report: what a gate said, whole, or the two words of its refusals. Other servers' words stay out.
    var shown: JSONValue? {
        if isDropgate { return json }
        guard let error, let reference, json.object?.count == 2 else { return nil }
        return ["error": .string(error), "id": .string(reference)]
    }

    /// The source without its port.
    var sourceAddress: String? {
        guard let source else { return nil }
        if source.hasPrefix("[") { return String(source.dropFirst().prefix { $0 != "]" }) }
        return source.split(separator: ":").count == 2 ? String(source.prefix { $0 != ":" }) : source
    }
}
