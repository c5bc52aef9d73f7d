// Where what can be read of a ledger begins. Values only.
package import Admission

package struct LedgerBeginning: Sendable, Hashable {
    /// The first entry that can be read, sealed or not.
    package var seq: Int64
    package var time: Instant
    /// The time of the last entry before it, where retention has removed those before.
    package var removedUpTo: Instant?

    package init(seq: Int64, time: Instant, removedUpTo: Instant? = nil) {
        self.seq = seq
        self.time = time
        self.removedUpTo = removedUpTo
    }
}
