// Whether the ledger still is what was seen signed, as a start asks before it appends anything.
import Ledger
import Reachability

enum SignedLedgerCheck {
    /// Of a gate that does not run: one that runs has asked when it started. Asks the witnesses.
    static func findings(_ facts: GateFacts) async -> [Finding] {
        guard let reader = facts.reader, facts.isRunning != true else { return [] }
        var findings: [Finding] = []
        do {
            if let newest = try reader.newestCheckpoint() {
                try reader.require(extends: newest.checkpoint, keptBy: "the ledger itself")
            }
            let seen = try await LedgerWitnesses(facts.settings).seen {
                findings.append(Finding("ledger", .warn, $0, fix: "see that it can be reached from here"))
            }
            for (checkpoint, keeper) in seen { try reader.require(extends: checkpoint, keptBy: keeper) }
        } catch {
            findings.append(LedgerCheck.unreadable(error))
        }
        return findings
    }
}
