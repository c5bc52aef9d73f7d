// What other lists decide otherwise about one caller. Pure.
package import Admission
package import JSON

/// One source on one channel that other lists decide otherwise about.
package struct DecisionChange: Sendable, Hashable {
    package var source: IPAddress
    package var channel: Channel
    /// Whether it is let in now, and was refused before; else the other way round.
    package var isLetIn: Bool
    /// Why it is now as it is.
    package var reason: Reason
    /// Its newest attempt that was decided as before, and the list entries that this one rested on.
    package var last: Instant
    package var entries: [String]

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
