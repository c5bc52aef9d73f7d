// Entries as documents of the Elastic Common Schema (ECS 8.17 field reference and categorization fields). What ECS
// has no field for stands under `dropgate`.
import Admission
import JSON
import Ledger

enum ECSFormat {
    private static let version = "8.17.0"

    /// Members that have a field of their own in ECS.
    private static let mapped: Set<String> = ["account", "first", "last", "node", "seq", "time"]

    static func document(_ facts: EntryFacts) -> JSONValue {
        let categories = categories(facts)
        var rest = facts.rest(without: mapped)
        if facts.value["source"] != nil { rest["source"] = nil }
        if let drop = rest["drop"]?.object {
            rest["drop"] = .members(drop.filter { !["bytes", "name", "sha256"].contains($0.key) })
        }
        if let request = rest["request"]?.object {
            rest["request"] = .members(
                request.filter { !["id", "method", "path", "status"].contains($0.key) })
        }
        let document: [String: JSONValue?] = [
            "@timestamp": .string(facts.time.description),
            "ecs": ["version": .string(version)],
            "message": .string(facts.summary),
            "event": event(facts, categories),
            "log": ["level": .string("\(EntrySeverity(facts))")],
            "observer": .members([
                "hostname": .text(facts.node.isEmpty ? nil : facts.node), "product": .string(Product.name),
                "vendor": .string(Product.vendor), "version": .string(Product.version),
            ]),
            "source": .members([
                "address": .text(facts.sourceIP), "ip": .text(facts.sourceIP), "port": facts.source?["port"],
            ]),
            "network": .members([
                "application": facts.value["channel"],
                "transport": facts.value["channel"] == nil ? nil : "tcp",
            ]),
            "user": .members(["name": .text(facts.user)]),
            "http": .members([
                "request": .members(["id": facts.at("request.id"), "method": facts.at("request.method")]),
                "response": .members(["status_code": facts.at("request.status")]),
            ]),
            "url": .members(["path": facts.at("request.path")]),
            "file": file(facts),
            "error": .members(["message": facts.at("detail.error")]),
            "related": .members([
                "ip": list([facts.sourceIP, facts.at("peer.ip")?.string]),
                "user": list([facts.user]), "hash": list([facts.at("drop.sha256")?.string]),
            ]),
            "dropgate": .members(rest),
        ]
        return .object(document.compactMapValues { $0 })
    }

    private static func event(_ facts: EntryFacts, _ categories: Categories?) -> JSONValue? {
        .members([
            "kind": "event", "module": .string(Product.name), "dataset": .string("\(Product.name).ledger"),
            "category": categories.map { .array($0.category.map(JSONValue.string)) },
            "type": categories.map { .array($0.type.map(JSONValue.string)) },
            "action": .string("\(facts.text("kind") ?? "entry")-\(facts.text("verdict") ?? "recorded")"),
            "outcome": .string(
                facts.verdict.map { $0 == .rejected ? "failure" : "success" } ?? "unknown"),
            "reason": facts.value["reason"], "id": .string(facts.uid), "sequence": .int(facts.seq),
            "severity": .int(EntrySeverity(facts).rawValue),
            "start": .text(facts.first?.description), "end": .text(facts.last?.description),
        ])
    }

    private static func file(_ facts: EntryFacts) -> JSONValue? {
        .members([
            "name": .text(facts.fileName?.split(separator: "/").last.map(String.init)),
            "path": .text(facts.fileName), "size": facts.at("drop.bytes"),
            "hash": .members(["sha256": facts.at("drop.sha256")]),
        ])
    }

    /// Each value once, in order; nil when there is none.
    private static func list(_ texts: [String?]) -> JSONValue? {
        var seen: [String] = []
        for case let text? in texts where !seen.contains(text) { seen.append(text) }
        return seen.isEmpty ? nil : .array(seen.map(JSONValue.string))
    }

    // MARK: Categorization

    private typealias Categories = (category: [String], type: [String])

    /// Allowed values only; each type is one that ECS expects for one of the categories. nil for a kind that this
    /// program does not know.
    private static func categories(_ facts: EntryFacts) -> Categories? {
        let decided = facts.verdict == .rejected ? "denied" : "allowed"
        return switch facts.kind {
        case .connection, .probe: (["network"], ["connection", decided])
        case .request: (["network", "web"], ["access", decided])
        case .login: (["authentication"], ["start"])
        case .transfer:
            (["file", "network"], [facts.verdict == .rejected ? "info" : "creation", decided])
        case .policy: (["configuration"], [facts.verdict == .rejected ? "info" : "change"])
        case .service:
            (["process"], [facts.reason == .started ? "start" : facts.reason == .stopped ? "end" : "info"])
        case .access: (["database"], ["access"])
        case nil: nil
        }
    }
}

extension EntryFormat {
    /// Elastic Common Schema, one JSON document a line.
    package static let ecs = EntryFormat("ecs", about: "Elastic Common Schema") { (facts: EntryFacts) in
        CanonicalJSON.encode(ECSFormat.document(facts))
    }
}
