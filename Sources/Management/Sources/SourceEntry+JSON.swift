// An entry of a source list for programs, with what an operator should know of it now.
package import Admission
package import JSON

extension SourceEntry {
    package var channelWords: [String] { Channel.allCases.filter(channels.contains).map(\.rawValue) }

    package func json(at now: Instant) -> JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id), "list": .string(list), "service": .string(service),
            "cidr": .string(cidr.description), "channels": .array(channelWords.map(JSONValue.string)),
            "mode": .string(mode.rawValue), "state": .string(state(at: now)),
        ]
        members["owner"] = owner.map(JSONValue.string)
        members["note"] = note.map(JSONValue.string)
        members["review_by"] = reviewBy.map { .string($0.description) }
        members["expires"] = expires.map { .string($0.description) }
        if let document {
            var facts: [String: JSONValue] = [
                "title": .string(document.title), "read": .string(document.read),
            ]
            facts["page"] = document.page.map(JSONValue.string)
            members["document"] = .object(facts)
        }
        return .object(members)
    }
}
