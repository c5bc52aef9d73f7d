// Whether the ledger still is what was seen signed, as a start asks before it appends anything.
import Ledger
import Reachability

enum SignedLedgerCheck {
    /// A start goes on all the same.
    private static let atOnce =
        "put back what it had before you start the gate: the next checkpoint is written there anyway, and after that nobody "
        + "can tell what is missing; .github/guides/operating.md says under \"Restore\" what to do if it is lost"

    /// Of a gate that does not run: one that runs has asked when it started. Asks the witnesses.
    static func findings(_ facts: GateFacts) async -> [Finding] {
        guard let reader = facts.reader, facts.isRunning != true else { return [] }
        var findings: [Finding] = []
        do {
            if let newest = try reader.newestCheckpoint() {
                try reader.require(extends: newest.checkpoint, keptBy: "the ledger itself")
            }
            let taken = try reader.witnessed()
            let seen = try await LedgerWitnesses(facts.settings).seen {
                // It says what to see to.
                findings.append(Finding("ledger", .warn, $0, fix: Finding.mend))
            }
            findings += seen.lacks(taken).map { Finding("ledger", .fail, $0, fix: atOnce) }
            for (checkpoint, keeper) in seen.checkpoints {
                try reader.require(extends: checkpoint, keptBy: keeper)
            }
        } catch {
            findings.append(LedgerCheck.unreadable(error))
        }
        return findings
    }
}
