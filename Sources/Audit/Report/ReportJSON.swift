// A report as JSON; the member names are stable. Times are RFC 3339, gaps seconds, counts attempts.
import Admission
package import JSON
import Ledger

extension Report {
    /// `sources` holds at most `mostSources`, most attempts first; `source_count` says how many there are, and
    /// `source_count_or_more` that some are counted by network or together. `left_out`: entries by kind that `policy_changes`,
    /// `service` and `exports` do not tell of.
    package func json() -> JSONValue {
        var members: [String: JSONValue] = [
            "node": .string(node), "since": .string(period.since.description),
            "until": .string(period.until.description),
            "period": [
                "since": .string(period.place.rfc3339(period.since)),
                "until": .string(period.place.rfc3339(period.until)),
            ],
            "made": .string(made.description), "policy": .string(policy),
            "policy_notes": .array(policyNotes.map(JSONValue.string)),
            "totals": [
                "attempts": .int(attempts), "accepted": .int(accepted), "rejected": .int(rejected),
                "observed": .int(observed),
            ],
            "reasons": .array(
                reasons.map { ["reason": .string($0.reason.rawValue), "count": .int($0.count)] }),
            "days": .array(
                days.map {
                    [
                        "day": .string($0.day), "accepted": .int($0.accepted), "rejected": .int($0.rejected),
                        "observed": .int($0.observed),
                    ]
                }),
            "chart": [
                "unit": .string(period.unit.rawValue), "units": .int(period.units),
                "steps": .array(
                    steps.map {
                        [
                            "start": .string($0.start.description), "accepted": .int($0.accepted),
                            "rejected": .int($0.rejected), "observed": .int($0.observed),
                        ]
                    }),
            ],
            "source_count": .int(Int64(sources.count)),
            "sources": .array(sources.prefix(Self.mostSources).map(Self.json)),
            "entries": .array(entries.map(Self.json)),
            "removed_entries": .array(
                removedEntries.map {
                    [
                        "id": .string($0.id), "attempts": .int($0.attempts),
                        "last": .string($0.last.description),
                    ]
                }),
            "logins": .array(logins.map(Self.json)),
            "policy_changes": .array(changes.map(Self.json)),
            "service": .array(services.map(Self.json)), "exports": .array(exports.map(Self.json)),
            "findings": .array(
                findings.map {
                    [
                        "severity": .string($0.severity.rawValue), "code": .string($0.code),
                        "title": .string($0.title), "advice": .string($0.advice),
                        "items": .array($0.items.map(JSONValue.string)),
                    ]
                }),
        ]
        if untold > 0 { members["source_count_or_more"] = true }
        if !leftOut.isEmpty {
            members["left_out"] = .object(
                Dictionary(uniqueKeysWithValues: leftOut.map { ($0.key.rawValue, .int($0.value)) }))
        }
        members["stopped_before"] = stoppedBefore.map { .string($0.description) }
        if let beginning {
            var ledger: [String: JSONValue] = [
                "first_seq": .int(beginning.seq), "begins": .string(beginning.time.description),
            ]
            ledger["removed_up_to"] = beginning.removedUpTo.map { .string($0.description) }
            members["ledger"] = .object(ledger)
        }
        if let seqs { members["seqs"] = ["first": .int(seqs.lowerBound), "last": .int(seqs.upperBound)] }
        return .object(members)
    }

    private static func json(_ source: Source) -> JSONValue {
        var members: [String: JSONValue] = [
            "accepted": .int(source.accepted), "rejected": .int(source.rejected),
            "observed": .int(source.observed), "first": .string(source.first.description),
            "last": .string(source.last.description),
            "reasons": .object(
                Dictionary(uniqueKeysWithValues: source.reasons.map { ($0.reason.rawValue, .int($0.count)) })),
        ]
        members["ip"] = source.ip.map { .string($0.description) }
        members["network"] = source.caller.network.map { .string($0.description) }
        // Whether some of a network came before is not asked.
        if source.caller.network == nil { members["new"] = .bool(source.isNew) }
        members["channel"] = source.channel.map { .string($0.rawValue) }
        members["near"] = source.near.map(JSONValue.string)
        return .object(members)
    }

    private static func json(_ entry: Entry) -> JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(entry.id), "cidr": .string(entry.cidr.description),
            "attempts": .int(entry.attempts), "observed": .int(entry.observed),
            "rejected": .int(entry.rejected), "state": .string(entry.state),
        ]
        members["last"] = entry.last.map { .string($0.description) }
        return .object(members)
    }

    private static func json(_ login: Login) -> JSONValue {
        var members: [String: JSONValue] = [
            "account": .string(login.account), "credential": .string(login.credential),
            "count": .int(login.count), "last": .string(login.last.description),
        ]
        members["source"] = login.source.map { .string($0.description) }
        return .object(members)
    }

    private static func json(_ change: Change) -> JSONValue {
        var members: [String: JSONValue] = [
            "time": .string(change.time.description), "outcome": .string(change.outcome.rawValue),
            "rejected": .bool(change.outcome == .refused),
            "lines": .array(change.lines.map(JSONValue.string)),
        ]
        if !change.refuses.isEmpty { members["refuses"] = .array(change.refuses.map(JSONValue.string)) }
        return .object(members)
    }

    private static func json(_ event: ServiceEvent) -> JSONValue {
        var members: [String: JSONValue] = [
            "time": .string(event.time.description), "what": .string(event.what),
        ]
        members["gap"] = event.gap.map(JSONValue.int)
        return .object(members)
    }
}
