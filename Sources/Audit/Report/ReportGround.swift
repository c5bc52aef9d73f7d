// What a report must know beside the tally: where the ledger begins, and where its times are not to be taken at their word.
package import Admission
package import Ledger

package struct ReportGround: Sendable {
    /// nil for an empty ledger.
    package var beginning: LedgerBeginning?
    /// Runs of entries that were written while the clock was behind.
    package var setBacks: [ClockSetBack]
    /// Sources of the period that came before it too.
    package var seenBefore: Set<IPAddress>

    package init(
        beginning: LedgerBeginning? = nil, setBacks: [ClockSetBack] = [], seenBefore: Set<IPAddress> = []
    ) {
        self.beginning = beginning
        self.setBacks = setBacks
        self.seenBefore = seenBefore
    }
}
