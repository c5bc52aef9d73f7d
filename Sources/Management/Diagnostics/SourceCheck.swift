// The source lists, and what the ledger says of those who call and of those who may not.
import Admission
import Ledger
import Reachability
import Settings

enum SourceCheck {
    private static let area = "sources"

    /// Whether the lists are good, and if not, by what the gate decides.
    static func lists(_ facts: GateFacts) -> [Finding] {
        guard case .failure(let errors) = facts.policy else { return stale(facts) }
        let fix =
            switch facts.isRunning {
            case true:
                "fix the list; the gate picks it up within seconds, and uses the old one until then"
            case false: "fix the list: no gate starts with it"
            default: "fix the list: no gate starts with it, and one that runs keeps using the old one"
            }
        return errors.problems.map { Finding(area, .fail, "\($0)", fix: fix) }
            + [inForce(facts)].compactMap(\.self)
    }

    /// Lists of which the running gate takes none over.
    private static func inForce(_ facts: GateFacts) -> Finding? {
        guard facts.isRunning == true else { return nil }
        let version = facts.state?.policy
        let standing = standing(facts)
        let since =
            standing.map { standing in
                ", since \(standing.since) (\(Age.ago(facts.now - standing.since)), entry \(standing.seq))"
            } ?? ""
        return Finding(
            area, .warn,
            "the policy in force is the old one: the gate decides by the lists as they were before they became bad, "
                + "\(version ?? "of a version that it does not say")\(since)\(narrowing(facts, standing))",
            fix: "changes made to the lists since then have no effect; fix the lists, then run doctor again")
    }

    /// Good lists before the bad ones that could not be recorded, if there are any: what they refuse counts.
    private static func narrowing(_ facts: GateFacts, _ standing: PolicyHistory.Standing?) -> String {
        guard let standing, let version = try? history(facts)?.narrowing(since: standing) else { return "" }
        return "; \(ListChange.narrowingWords(version))"
    }

    private static func history(_ facts: GateFacts) -> PolicyHistory? {
        facts.reader.map { PolicyHistory($0, facts.settings.ledgerHandle.policies) }
    }

    /// What the ledger says of the policy in force; nil where it says something else than the gate.
    private static func standing(_ facts: GateFacts) -> PolicyHistory.Standing? {
        guard let standing = try? history(facts)?.newest(),
            facts.state?.policy.map({ $0 == standing.version }) ?? true
        else { return nil }
        return standing
    }

    /// Good lists that the gate has not taken over yet.
    private static func stale(_ facts: GateFacts) -> [Finding] {
        guard let version = facts.state?.policy, let loaded = try? facts.policy.get(),
            loaded.version != version
        else {
            return []
        }
        return [
            Finding(
                area, .warn,
                "the policy in force is not that of the lists: the gate decides by \(version), the files say \(loaded.version)",
                fix:
                    "a list that was just changed takes effect within seconds; if this persists, the gate's log says why, and "
                    + "SIGHUP makes it read the lists again (systemctl reload dropgate)")
        ]
    }

    /// Who should call, and whether the gate sees who they are.
    static func callers(_ facts: GateFacts) -> [Finding] {
        let policy = try? facts.policy.get()
        return read(facts) { reader in
            var findings: [Finding] = []
            if let policy {
                findings += try ContactCheck(
                    policy: policy, reader: reader, now: facts.now, contacts: facts.contacts
                ).findings()
            }
            guard let reader else { return findings }
            let own = Set(ListenerCheck.ownAddresses())
            findings += try TranslationCheck(policy: policy, own: own, reader: reader, now: facts.now)
                .findings()
            findings += try LostSourceCheck(policy: policy, reader: reader, now: facts.now).findings()
            return findings
        }
    }

    static func refusals(_ facts: GateFacts) -> [Finding] {
        read(facts) { reader in
            try reader.map {
                try RefusalCheck(policy: try? facts.policy.get(), reader: $0, now: facts.now).findings()
            } ?? []
        }
    }

    private static func read(
        _ facts: GateFacts, _ body: ((any LedgerReading)?) throws -> [Finding]
    ) -> [Finding] {
        do {
            return try body(facts.reader)
        } catch {
            return [LedgerCheck.unreadable(error)]
        }
    }
}
