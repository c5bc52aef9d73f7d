// When each entry of the source lists was heard from last, on each of its channels.
package import Admission
import Intake
package import JSON
package import Ledger
import Settings

package struct LastContact: Sendable {
    package let entry: SourceEntry
    package let channel: Channel
    /// nil: the ledger knows of none.
    package let last: Instant?
    /// How often it is expected; nil: nobody said.
    package let expected: ExpectedContact?
    /// The expected contact has not come.
    package let isOverdue: Bool

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "entry": .string(entry.id), "service": .string(entry.service),
            "channel": .string(channel.rawValue),
            "overdue": .bool(isOverdue),
        ]
        members["last"] = last.map { .string($0.description) }
        members["expected"] = expected.map { .string($0.summary) }
        return .object(members)
    }
}

extension SourceService {
    /// By entry, in the order of the lists. It looks into the ledger, and may take its time where that is long. Throws
    /// `LedgerError` or `SettingsErrors`.
    /// - Parameter contacts: what is known of them from looks before this one.
    package func lastContacts(now: Instant, contacts: ContactMemory) throws -> [LastContact] {
        let policy = try lists(now: now).policy.get()
        let reader = try settings.ledgerHandle.isThere() ? settings.ledgerHandle.reader() : nil
        return try policy.entries.filter { $0.state(at: now) != "expired" }.flatMap { entry in
            try Channel.allCases.filter(entry.channels.contains).map { channel in
                let last = try reader.flatMap { try contacts.last(entry, on: channel, in: $0) }
                let expected = entry.expect[channel]
                let isOverdue =
                    expected.map { expected in
                        last.map { expected.elapsed(from: $0, to: now) > expected.every } ?? true
                    } ?? false
                return LastContact(
                    entry: entry, channel: channel, last: last, expected: expected, isOverdue: isOverdue)
            }
        }
    }
}
