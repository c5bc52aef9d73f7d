// What the ledger knows of those who should call: the last contact of every entry on every channel, and expectations that are
// overdue.
package import Admission
import Intake
package import Ledger

package struct ContactCheck {
    private static let area = "sources"

    private let policy: Policy
    private let now: Instant
    /// nil: there is no ledger yet.
    private let reader: (any LedgerReading)?
    private let contacts: ContactMemory

    package init(
        policy: Policy, reader: (any LedgerReading)?, now: Instant, contacts: ContactMemory = ContactMemory()
    ) {
        self.policy = policy
        self.reader = reader
        self.now = now
        self.contacts = contacts
    }

    package func findings() throws -> [Finding] {
        standing() + (try lastContacts())
    }

    // MARK: Entries

    private func standing() -> [Finding] {
        let overdue = policy.entries.filter { ["expired", "review overdue"].contains($0.state(at: now)) }
        guard !overdue.isEmpty else {
            return [
                Finding(
                    Self.area, .ok,
                    "\(Counted.entries(policy.entries.count)), none expired or past its review")
            ]
        }
        return overdue.map {
            Finding(
                Self.area, .warn, "\($0.summary): \($0.state(at: now))",
                fix: "read VSee's document again, then set a new review_by or expires, or remove the entry")
        }
    }

    // MARK: Contacts

    private func lastContacts() throws -> [Finding] {
        var findings: [Finding] = []
        for entry in policy.entries where entry.state(at: now) != "expired" {
            var words: [String] = []
            var overdue: [String] = []
            for channel in Channel.allCases where entry.channels.contains(channel) {
                let last = try reader.flatMap { try contacts.last(entry, on: channel, in: $0) }
                words.append("\(channel.rawValue) \(last.map { Age.ago(now - $0) } ?? "never")")
                if let expectation = entry.expect[channel],
                    last.map({ expectation.elapsed(from: $0, to: now) > expectation.every }) ?? true
                {
                    overdue.append("\(channel.rawValue) \(expectation.summary)")
                }
            }
            let text = "\(UntrustedText.line(entry.id)): \(words.joined(separator: ", "))"
            if !overdue.isEmpty {
                findings.append(
                    Finding(
                        Self.area, .warn, "\(text); expected \(overdue.joined(separator: ", "))",
                        fix:
                            "ask VSee whether it sends; `dropgate probe` from outside tests the path to the gate; "
                            + "`dropgate attempts --verdict rejected --since 1d` shows who was refused"))
            } else if words.allSatisfy({ $0.hasSuffix("never") }) {
                findings.append(
                    Finding(
                        Self.area, .warn, text,
                        fix: "see that VSee has the URL and the SFTP host: `dropgate init` prints them"))
            } else {
                findings.append(Finding(Self.area, .ok, text))
            }
        }
        return findings
    }
}
