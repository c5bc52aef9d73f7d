// Entries as events of the Open Cybersecurity Schema Framework (OCSF 1.4.0, in which every class has
// the profile security_control). What the schema has no attribute for stands under `unmapped`.
import Admission
import JSON
import Ledger

enum OCSFFormat {
    private static let version = "1.4.0"

    /// Members that have attributes of their own in every class.
    private static let mapped: Set<String> = [
        "account", "count", "credential", "first", "last", "node", "reason", "seq", "source", "time", "drop",
        "request",
    ]

    static func event(_ facts: EntryFacts) -> JSONValue {
        let event = OCSFClass(facts)
        let severity = severity(facts)
        var attributes: [String: JSONValue?] = [
            "class_uid": .int(event.uid), "class_name": .string(event.name),
            "category_uid": .int(event.uid / 1000), "activity_id": .int(event.activity.id),
            "activity_name": .string(event.activity.name),
            "type_uid": .int(event.uid * 100 + event.activity.id),
            "type_name": .string("\(event.name): \(event.activity.name)"),
            "severity_id": .int(severity.id), "severity": .string(severity.name),
            "time": .int(facts.time.milliseconds), "timezone_offset": 0,
            "start_time": facts.first.map { .int($0.milliseconds) },
            "end_time": facts.last.map { .int($0.milliseconds) },
            "count": facts.value["count"], "message": .string(facts.summary),
            "status_code": facts.value["reason"],
            "status_detail": facts.at("detail.message") ?? facts.at("detail.error"),
            "metadata": metadata(facts), "unmapped": unmapped(facts),
        ]
        attributes.merge(status(facts)) { _, new in new }
        attributes.merge(disposition(facts)) { _, new in new }
        attributes.merge(event.attributes) { _, new in new }
        return .object(attributes.compactMapValues { $0 })
    }

    private static func metadata(_ facts: EntryFacts) -> JSONValue? {
        .members([
            "version": .string(version), "uid": .string(facts.uid), "sequence": .int(facts.seq),
            "event_code": facts.value["kind"], "log_name": "ledger", "log_provider": .string(Product.name),
            "original_time": .string(facts.time.description),
            "product": [
                "name": .string(Product.name), "vendor_name": .string(Product.vendor),
                "version": .string(Product.version),
            ],
            "profiles": ["security_control"],
        ])
    }

    private static func severity(_ facts: EntryFacts) -> (id: Int64, name: String) {
        switch EntrySeverity(facts) {
        case .info: (1, "Informational")
        case .notice: (2, "Low")
        case .warning: (3, "Medium")
        case .error: (4, "High")
        }
    }

    private static func status(_ facts: EntryFacts) -> [String: JSONValue?] {
        switch facts.verdict {
        case .accepted, .observed: ["status_id": 1, "status": "Success"]
        case .rejected: ["status_id": 2, "status": "Failure"]
        case nil: ["status_id": 0, "status": "Unknown"]
        }
    }

    /// The profile's attributes. Observed is allowed: nothing stopped it.
    private static func disposition(_ facts: EntryFacts) -> [String: JSONValue?] {
        switch facts.verdict {
        case .accepted, .observed:
            ["action_id": 1, "action": "Allowed", "disposition_id": 1, "disposition": "Allowed"]
        case .rejected: ["action_id": 2, "action": "Denied", "disposition_id": 2, "disposition": "Blocked"]
        case nil: ["action_id": 0, "action": "Unknown", "disposition_id": 0, "disposition": "Unknown"]
        }
    }

    private static func unmapped(_ facts: EntryFacts) -> JSONValue? {
        var rest = facts.rest(without: mapped)
        rest["drop"] = .members(
            (facts.value["drop"]?.object ?? [:]).filter {
                !["bytes", "id", "name", "sha256"].contains($0.key)
            })
        rest["request"] = .members(
            (facts.value["request"]?.object ?? [:]).filter {
                !["id", "method", "path", "status"].contains($0.key)
            })
        // Not every class has a place for it.
        if facts.kind != .login { rest["credential"] = facts.value["credential"] }
        return .members(rest.mapValues(Optional.some))
    }
}

extension EntryFormat {
    /// Open Cybersecurity Schema Framework, one JSON event a line.
    package static let ocsf = EntryFormat("ocsf") { (facts: EntryFacts) in
        CanonicalJSON.encode(OCSFFormat.event(facts))
    }
}
