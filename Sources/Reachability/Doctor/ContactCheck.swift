// What the ledger knows of those who should call: the last contact of every entry on every channel, expectations that
// are overdue, and whether a NAT hides them all.
package import Admission
import Intake
import JSON
package import Ledger

package struct ContactCheck {
    private static let area = "sources"
    /// Attempts that are looked at for a NAT, and how many of them make a suspicion.
    private static let sample = 1000
    private static let fewest = 20

    private let policy: Policy
    private let now: Instant
    /// nil: there is no ledger yet.
    private let reader: (any LedgerReading)?

    package init(policy: Policy, reader: (any LedgerReading)?, now: Instant) {
        self.policy = policy
        self.reader = reader
        self.now = now
    }

    package func findings() throws -> [Finding] {
        standing() + (try lastContacts()) + (try translation().map { [$0] } ?? [])
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
                fix: "read VSee's document again, then set review_by or expires anew, or remove the entry")
        }
    }

    // MARK: Contacts

    private func lastContacts() throws -> [Finding] {
        var findings: [Finding] = []
        for entry in policy.entries where entry.state(at: now) != "expired" {
            var words: [String] = []
            var overdue: [String] = []
            for channel in Channel.allCases where entry.channels.contains(channel) {
                let last = try reader?.lastContact(entry, on: channel)
                words.append("\(channel.rawValue) \(last.map { Self.ago(now - $0) } ?? "never")")
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
                        fix: "ask VSee whether it sends; `dropgate probe` from outside tests the way; "
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

    /// `3 min ago`
    static func ago(_ age: Duration) -> String {
        let seconds = max(0, age.components.seconds)
        switch seconds {
        case ..<120: return "\(seconds) s ago"
        case ..<7200: return "\(seconds / 60) min ago"
        case ..<172_800: return "\(seconds / 3600) h ago"
        default: return "\(seconds / 86_400) days ago"
        }
    }

    // MARK: NAT

    /// Every attempt of late came from a private address, most of them from one.
    private func translation() throws -> Finding? {
        guard let reader else { return nil }
        var query = LedgerQuery()
        query.order = .newestFirst
        query.limit = Self.sample
        query.kinds = [.connection, .request, .login]
        var counts: [IPAddress: Int] = [:]
        for entry in try reader.entries(query) {
            let value = try entry.value()
            // A balancer's look at the port says nothing, and neither does this machine's own.
            guard value["reason"]?.string != Reason.incomplete.rawValue,
                let ip = value["source"]?["ip"]?.string.flatMap({ try? IPAddress($0) }), ip.bytes.first != 127
            else { continue }
            // Somebody from outside was seen as such: nothing rewrites all addresses.
            guard ip.isPrivate else { return nil }
            counts[ip, default: 0] += 1
        }
        let total = counts.values.reduce(0, +)
        guard let most = counts.max(by: { $0.value < $1.value }), most.value >= Self.fewest,
            most.value * 2 > total
        else { return nil }
        return Finding(
            Self.area, .warn,
            "\(most.value) of the last \(total) attempts came from the private address \(most.key), and none from "
                + "outside: a NAT hides the sources",
            fix:
                "let what stands in front pass the address on (PROXY protocol, X-Forwarded-For) and set address: and "
                + "trusted_proxies: of the listener, or turn source translation off")
    }
}
