// A decision on an address for programs.
package import Admission
package import JSON

extension Decision {
    package func json(channel: Channel) -> JSONValue {
        var members: [String: JSONValue] = [
            "channel": .string(channel.rawValue), "verdict": .string(verdict.rawValue),
            "reason": .string(reason.rawValue), "address_mode": .string(mode.rawValue),
            "entries": .array(entries.map(JSONValue.string)), "policy": .string(policy),
            "trace": .array(trace.map(JSONValue.string)),
        ]
        members["source"] = source.map { .string($0.ip.description) }
        members["peer"] = peer.map { .string($0.ip.description) }
        members["chain"] = chain.map(JSONValue.string)
        return .object(members)
    }
}
