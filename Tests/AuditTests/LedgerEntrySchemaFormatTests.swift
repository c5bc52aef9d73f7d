// Config/schemas/ledger-entry.schema.json says what the code writes: the same words, and every member that it has.
import Admission
import Audit
import Foundation
import JSON
import Ledger
import Testing

@Suite struct LedgerEntrySchemaFormatTests {
    private func schema() throws -> JSONValue {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appendingPathComponent("Config/schemas/ledger-entry.schema.json")
        return try JSONValue(parsing: Array(try Data(contentsOf: file)))
    }

    @Test func theWordsAreThoseOfTheCode() throws {
        let properties = try #require(try schema()["properties"])
        func words(_ name: String) -> [String]? { properties[name]?["enum"]?.array?.compactMap(\.string) }
        #expect(words("kind") == EntryKind.allCases.map(\.rawValue))
        #expect(words("channel") == Channel.allCases.map(\.rawValue))
        #expect(words("verdict") == Verdict.allCases.map(\.rawValue))
        #expect(words("reason") == Reason.allCases.map(\.rawValue))
        #expect(words("address_mode") == AddressMode.allCases.map(\.rawValue))
    }

    @Test func everyMemberIsDescribed() throws {
        func check(_ properties: JSONValue?, _ path: String) {
            for (name, member) in properties?.object ?? [:] {
                #expect(member["description"]?.string?.isEmpty == false, "\(path)\(name)")
                check(member["properties"], "\(path)\(name).")
            }
        }
        let schema = try schema()
        check(schema["properties"], "")
        check(schema["$defs"]?["endpoint"]?["properties"], "endpoint.")
    }

    /// Members, types, enums and what is required; formats and patterns are left to a validator.
    @Test func entriesFitTheSchema() throws {
        let schema = try schema()
        for attempt in try FormatSamples.all() + [FormatSamples.hostile()] {
            let entry = try FormatSamples.entry(attempt).value()
            check(entry, schema, definitions: schema["$defs"], "entry")
        }
    }

    private func check(_ value: JSONValue, _ schema: JSONValue, definitions: JSONValue?, _ path: String) {
        if let reference = schema["$ref"]?.string {
            guard reference != "#/$defs/value" else { return }
            let name = reference.replacingOccurrences(of: "#/$defs/", with: "")
            guard let target = definitions?[name] else {
                Issue.record("\(path): no \(reference)")
                return
            }
            return check(value, target, definitions: definitions, path)
        }
        switch value {
        case .string(let text):
            #expect(schema["type"] == "string", "\(path)")
            if let words = schema["enum"]?.array { #expect(words.contains(.string(text)), "\(path)") }
        case .int(let number):
            #expect(schema["type"] == "integer" && number >= schema["minimum"]?.int ?? .min, "\(path)")
        case .bool: #expect(schema["type"] == "boolean", "\(path)")
        case .array(let values):
            #expect(schema["type"] == "array", "\(path)")
            for element in values {
                check(element, schema["items"] ?? [:], definitions: definitions, path + "[]")
            }
        case .object(let members):
            #expect(schema["type"] == "object", "\(path)")
            for name in schema["required"]?.array?.compactMap(\.string) ?? [] {
                #expect(members[name] != nil, "\(path).\(name) is required")
            }
            for (name, member) in members {
                guard let inner = schema["properties"]?[name] ?? schema["additionalProperties"] else {
                    Issue.record("\(path).\(name) is not in the schema")
                    continue
                }
                check(member, inner, definitions: definitions, "\(path).\(name)")
            }
        }
    }
}
