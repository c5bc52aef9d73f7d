// Listens for those who are expected to call: an entry whose contact is overdue gets a ledger entry, a metric and a
// warning, and another entry when it calls again. It admits and rejects nobody.
package import Admission
import Ledger
import Synchronization

/// The last contact of each expected source, kept as attempts are recorded.
package final class ContactMonitor: Sendable {
    /// A source entry on one channel.
    package struct ContactKey: Hashable, Sendable {
        package var entry: String
        package var channel: Channel
    }

    /// A contact that has become overdue, or is heard again.
    package struct Change: Sendable {
        package var key: ContactKey
        package var isSilent: Bool
        package var last: Instant?
        package var expectation: ExpectedContact
    }

    private struct Contact {
        var expectation: ExpectedContact
        /// The last contact; nil: none is known.
        var last: Instant?
        /// Counted from here while there was none.
        var since: Instant
        var isSilent = false

        /// Where waiting counts from while the clock is behind the contact.
        var lowered: Instant?

        /// What is waited from. The times of entries rise also when the clock was set back: a contact that lies ahead of the clock was
        /// made by the first look at it. Once the clock has passed it its own time counts again, but for a silence that has begun.
        mutating func start(_ now: Instant) -> Instant {
            let base = last ?? since
            if base > now {
                lowered = min(lowered ?? now, now)
            } else if !isSilent {
                lowered = nil
            }
            return lowered ?? base
        }

        /// As it is told.
        var told: Instant? { last.map { min($0, lowered ?? $0) } }
    }

    private let contacts = Mutex<[ContactKey: Contact]>([:])

    init() {}

    /// Something was recorded. Cheap where nobody is expected.
    func heard(_ attempt: Attempt, at time: Instant) {
        guard let channel = attempt.channel, attempt.isContact else { return }
        contacts.withLock { contacts in
            guard !contacts.isEmpty else { return }
            for entry in attempt.entries {
                Self.note(time, ContactKey(entry: entry, channel: channel), &contacts)
            }
        }
    }

    /// Contacts may come to be known in any order.
    private static func note(_ time: Instant, _ key: ContactKey, _ contacts: inout [ContactKey: Contact]) {
        guard let contact = contacts[key] else { return }
        contacts[key]?.last = contact.last.map { max($0, time) } ?? time
        contacts[key]?.lowered = nil
    }

    /// Follows the policy: new expectations begin with what `lastHeard` knows, those that are gone are forgotten.
    package func follow(
        _ policy: Policy, now: Instant, lastHeard: (SourceEntry, Channel) -> (last: Instant?, isSilent: Bool)
    ) {
        var expected: [ContactKey: (SourceEntry, ExpectedContact)] = [:]
        for entry in policy.entries where entry.expires.map({ $0 > now }) ?? true {
            for (channel, expectation) in entry.expect {
                expected[ContactKey(entry: entry.id, channel: channel)] = (entry, expectation)
            }
        }
        let known = contacts.withLock { contacts in
            contacts = contacts.filter { expected[$0.key] != nil }
            for key in contacts.keys {
                contacts[key]?.expectation = expected[key]?.1 ?? ExpectedContact(every: .zero)
            }
            return Set(contacts.keys)
        }
        for (key, (entry, expectation)) in expected where !known.contains(key) {
            // It listens before the ledger is asked, so that no call falls between.
            contacts.withLock { $0[key] = Contact(expectation: expectation, since: now) }
            let heard = lastHeard(entry, key.channel)
            contacts.withLock { contacts in
                if let last = heard.last { Self.note(last, key, &contacts) }
                contacts[key]?.isSilent = heard.isSilent
            }
        }
    }

    /// What has changed since the last look: those that have fallen silent or are heard again, sorted.
    package func changes(now: Instant) -> [Change] {
        contacts.withLock { contacts in
            var changes: [Change] = []
            for key in contacts.keys.sorted(by: {
                ($0.entry, $0.channel.rawValue) < ($1.entry, $1.channel.rawValue)
            }) {
                guard var contact = contacts[key] else { continue }
                let expectation = contact.expectation
                let waited = expectation.elapsed(from: contact.start(now), to: now)
                // Who never called does not end a silence by our not knowing since when.
                let isSilent = waited > expectation.every || (contact.isSilent && contact.last == nil)
                let hasChanged = isSilent != contact.isSilent
                contact.isSilent = isSilent
                contacts[key] = contact
                guard hasChanged else { continue }
                changes.append(
                    Change(key: key, isSilent: isSilent, last: contact.told, expectation: expectation))
            }
            return changes
        }
    }

    /// For /metrics.
    package func readings() -> [(key: ContactKey, isSilent: Bool, last: Instant?)] {
        contacts.withLock { contacts in
            contacts.sorted {
                ($0.key.entry, $0.key.channel.rawValue) < ($1.key.entry, $1.key.channel.rawValue)
            }
            .map { ($0.key, $0.value.isSilent, $0.value.told) }
        }
    }
}
