// What other lists decide otherwise about one caller, in words and as entries of changed lists tell it. Pure.
package import Admission
package import JSON

/// One source on one channel that other lists decide otherwise about.
package struct DecisionChange: Sendable, Hashable {
    /// Members of the detail of a change's entry: the recent callers that it refuses, how many these are in all, and why there
    /// may be more.
    package static let refusesMember = "refuses"
    package static let countMember = "refuses_count"
    package static let gapMember = "refuses_gap"

    package var source: IPAddress
    package var channel: Channel
    /// Whether it is let in now, and was refused before; else the other way round.
    package var isLetIn: Bool
    /// Why it is now as it is.
    package var reason: Reason
    /// Its newest attempt that was decided as before, and the list entries that this one rested on.
    package var last: Instant
    package var entries: [String]

    package init(
        source: IPAddress, channel: Channel, isLetIn: Bool, reason: Reason, last: Instant, entries: [String]
    ) {
        self.source = source
        self.channel = channel
        self.isLetIn = isLetIn
        self.reason = reason
        self.last = last
        self.entries = entries
    }

    /// nil when it is not what a gate writes.
    package init?(_ json: JSONValue) {
        guard let source = json["source"]?.string.flatMap({ try? IPAddress($0) }),
            let channel = json["channel"]?.string.flatMap(Channel.init), let isLetIn = json["let_in"]?.bool,
            let reason = json["reason"]?.string.flatMap(Reason.init),
            let last = json["last"]?.string.flatMap(Instant.init(rfc3339:))
        else { return nil }
        self.init(
            source: source, channel: channel, isLetIn: isLetIn, reason: reason, last: last,
            entries: json["entries"]?.array?.compactMap(\.string) ?? [])
    }

    package var text: String {
        let who = "\(source) on \(channel.rawValue)"
        if isLetIn { return "\(who) was refused, last at \(last); it is let in from now on" }
        let by = entries.isEmpty ? "" : " by \(entries.joined(separator: ", "))"
        return "\(who) was let in\(by), last at \(last); it is refused from now on (\(reason.rawValue))"
    }

    package var json: JSONValue {
        .object([
            "source": .string(source.description), "channel": .string(channel.rawValue),
            "let_in": .bool(isLetIn),
            "reason": .string(reason.rawValue), "last": .string(last.description),
            "entries": .array(entries.map(JSONValue.string)),
        ])
    }
}
