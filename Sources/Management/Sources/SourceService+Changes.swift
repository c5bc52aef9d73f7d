// What changed lists mean for those who called lately.
package import Admission
import Ledger
import Settings

extension SourceService {
    /// What `new` decides otherwise than `old` about those who called in the last days. nil: there is no ledger yet.
    /// Throws `LedgerError`.
    package func decidedDifferently(
        by new: Policy, than old: Policy, days: Int64 = 30, now: Instant = .now()
    ) throws -> DecisionChanges? {
        guard try settings.ledgerHandle.isThere() else { return nil }
        return try DecisionChanges.between(
            old, new, in: settings.ledgerHandle.reader(), since: now - .seconds(days * 86_400), now: now,
            limit: .seconds(10))
    }
}
