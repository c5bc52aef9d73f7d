// Network rules, and what came of trying them, for programs.
import Admission
package import JSON
package import RuleBook

extension RuleBook {
    package var json: JSONValue {
        var facts: [String: JSONValue] = ["title": .string(document.title), "read": .string(document.read)]
        facts["page"] = document.page.map(JSONValue.string)
        var members: [String: JSONValue] = [
            "name": .string(name), "document": .object(facts),
            "tables": .array(
                tables.map { table in
                    [
                        "id": .string(table.kind.rawValue), "title": .string(table.title),
                        "rows": .array(table.rows.map(\.json)),
                    ]
                }),
            "proxy": .array(
                proxy.map { rule in
                    [
                        "id": .string(rule.id), "purpose": .string(rule.purpose),
                        "means": .string(rule.means.rawValue), "optional": .bool(rule.isOptional),
                    ]
                }),
            "outbound": .array(
                outbound.map { rule in
                    [
                        "id": .string(rule.id), "service": .string(rule.service),
                        "address": .string(rule.address.base.description),
                    ]
                }),
        ]
        members["note"] = note.map(JSONValue.string)
        return .object(members)
    }
}

extension NetworkRule {
    fileprivate var json: JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id), "purpose": .string(purpose), "optional": .bool(isOptional),
            "ports": .array(ports.map { .string($0.description) }),
            "servers": .array(servers.map { .string($0.text) }),
            "undocumented": .array(undocumentedWords.map(JSONValue.string)),
        ]
        members["detail"] = detail.map(JSONValue.string)
        members["falls_back_to"] = fallsBackTo.map(JSONValue.string)
        members["note"] = note.map(JSONValue.string)
        return .object(members)
    }
}

extension CheckResult {
    package var json: JSONValue {
        [
            "id": .string(id), "purpose": .string(purpose), "optional": .bool(isOptional),
            "result": .string(outcome.word), "detail": .string(detail),
            "attempts": .array(
                attempts.map { attempt in
                    [
                        "what": .string(attempt.what), "result": .string(attempt.outcome.word),
                        "detail": .string(attempt.detail),
                    ]
                }),
        ]
    }
}

extension CheckOutcome {
    fileprivate var word: String { self == .noProof ? "no_proof" : rawValue }
}
