// A decision on an address for programs.
package import Admission
package import JSON

extension SourceService.Explanation {
    /// An object for each channel, of an unknown decision too: it has `known` false and no verdict.
    package func json(channels: [Channel]) -> JSONValue {
        let about: [String: JSONValue] = ["at": .string(moment.description), "lists": lists.json]
        guard case .failure = lists.policy else {
            return .array(
                decisions.map { channel, decision in
                    guard case .object(let members) = decision.json(channel: channel) else {
                        return .object(about)
                    }
                    var more = about
                    more["known"] = .bool(true)
                    more["near"] = neighbour(of: decision).map { .string($0.id) }
                    return .object(members.merging(more) { $1 })
                })
        }
        return .array(
            channels.map { channel in
                .object(about.merging(["channel": .string(channel.rawValue), "known": .bool(false)]) { $1 })
            })
    }
}

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
