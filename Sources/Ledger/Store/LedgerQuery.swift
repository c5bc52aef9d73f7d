// What can be asked of the ledger, as a value.
package import Admission
package import JSON

/// A question to the ledger. Empty sets and nil mean "any".
package struct LedgerQuery: Sendable {
    package enum Order: Sendable { case oldestFirst, newestFirst }

    package var since: Instant?
    /// Exclusive.
    package var until: Instant?
    package var sources: [CIDRBlock] = []
    package var kinds: Set<EntryKind> = []
    package var channels: Set<Channel> = []
    package var verdicts: Set<Verdict> = []
    package var reasons: Set<Reason> = []
    package var accounts: Set<String> = []
    /// Identifiers of source entries that matched, as in `vsee-qatar/clinic`.
    package var entries: Set<String> = []
    /// Identifiers of drops that the entry is about or speaks of.
    package var drops: Set<String> = []
    /// Occurs in the entry's JSON, whatever the case of its ASCII letters. Other letters count as they are.
    package var text: String?
    /// Only entries above (oldest first) or below (newest first) this seq: the last one of the page before.
    package var after: Int64?
    /// Only entries above and below these seqs, whatever the order.
    package var above: Int64?
    package var below: Int64?
    /// Whether sealed entries are looked at, too. They have no index: the files that hold them are unpacked and read.
    package var sealed = true
    package var limit: Int = 100
    package var order = Order.oldestFirst

    package init() {}

    package var period: LedgerPeriod { LedgerPeriod(since: since, until: until) }
}

/// One entry as it is stored.
package struct StoredEntry: Sendable {
    package var seq: Int64
    package var time: Instant
    /// The exact canonical bytes.
    package var json: [UInt8]

    package init(seq: Int64, time: Instant, json: [UInt8]) {
        self.seq = seq
        self.time = time
        self.json = json
    }

    /// The entry's members, for display. Throws `LedgerError(.unreadable)` when the bytes are not what this program writes.
    package func value() throws(LedgerError) -> JSONValue {
        do { return try JSONValue(parsing: json) } catch {
            throw .damaged(column: "json", of: "entries", row: "seq \(seq)")
        }
    }
}
