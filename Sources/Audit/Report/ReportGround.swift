// What a report must know beside the tally: where the ledger begins, where its times are not to be taken at their word, and what
// was before the period, and who.
package import Admission
import JSON
package import Ledger

package struct ReportGround: Sendable {
    /// nil for an empty ledger.
    package let beginning: LedgerBeginning?
    /// Runs of entries that were written while the clock was behind.
    package let setBacks: [ClockSetBack]
    /// Those of the period, with who of them is new.
    let sources: [Report.Source]
    /// Some were not asked for: there may be more new ones.
    let newAreMore: Bool
    /// The last start or stop before the period; nil: the ledger tells of none.
    package let markBefore: RunMark?
    /// By the number of a start that no stop precedes, also one that lies before the period: since when nothing shows that a
    /// gate ran.
    package let silentSince: [Int64: Instant]

    /// Blocks. Throws `LedgerError`.
    /// - Parameters:
    ///   - tally: that of the period.
    ///   - begin: the first entry that may belong to the period.
    package init(_ reader: any LedgerReading, _ tally: LedgerTally, from begin: Int64) throws {
        beginning = try reader.beginning()
        setBacks = try reader.clockSetBacks()
        var sources = ReportSources(tally)
        let asked = sources.asked
        sources.mark(asked, seen: try reader.seen(asked, before: begin))
        self.sources = sources.rows
        newAreMore = sources.rows.contains { $0.ip.map { !asked.contains($0) } ?? ($0.caller != .unknown) }
        markBefore = try reader.lastRunMark(below: begin)
        var silentSince: [Int64: Instant] = [:]
        for stored in tally.notable where try stored.value()["reason"]?.string == Reason.started.rawValue {
            silentSince[stored.seq] = try reader.silence(beforeStart: stored.seq, at: stored.time)?.lowerBound
        }
        self.silentSince = silentSince
    }
}
