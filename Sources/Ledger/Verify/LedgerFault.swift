// What can be wrong with a ledger: the classes, and one finding of a class.

/// A finding of `LedgerVerifier`.
package struct LedgerFault: Sendable, Hashable {
    /// Raw values are written in JSON; the order is that of exit statuses.
    package enum Kind: String, Sendable, CaseIterable {
        /// The bytes of an entry are not those whose hash was recorded.
        case altered = "altered_entry"
        /// Entries in the middle are not there.
        case missing = "missing_entry"
        /// The ledger ends before its own checkpoint.
        case cut = "tail_cut"
        /// The ledger ends before a checkpoint that is kept elsewhere.
        case rolledBack = "rolled_back"
        /// A checkpoint that is kept elsewhere is of other entries.
        case forked
        /// A checkpoint is not signed by a key that is trusted, or by one that another key had replaced.
        case badSignature = "bad_signature"
        /// A column that queries use says something else than the entry.
        case columns = "columns_differ"
        /// A checkpoint that another one names, or that is kept elsewhere, is not in the ledger.
        case checkpointMissing = "checkpoint_missing"
        /// The hash tree beside the entries is damaged; the entries are good.
        case tree = "tree_damaged"
        /// What is kept as a checkpoint outside the ledger's own file is not one, nor, where the gate appends to a file, what a
        /// crash left of one that the ledger has.
        case checkpointDamaged = "checkpoint_damaged"
        /// Source lists that an entry promises to have been kept are gone, or are not what their name says.
        case lists = "lists_damaged"
        /// A witness could not be asked what it has, or has less than it took. That is a finding, too, because it may be the one that
        /// shows a change.
        case notCompared = "witness_not_compared"
    }

    package var kind: Kind
    /// The entries it is about, where it is about entries; inclusive.
    package var entries: ClosedRange<Int64>?
    package var message: String

    init(_ kind: Kind, _ entries: ClosedRange<Int64>? = nil, _ message: String) {
        self.kind = kind
        self.entries = entries
        self.message = message
    }

    /// Of a witness that the ledger could not be held against.
    package static func notCompared(_ message: String) -> LedgerFault {
        LedgerFault(.notCompared, nil, message)
    }
}
