// Whether a ledger still is what somebody has seen signed: asked before anything is appended.
import Admission

extension LedgerStore {
    /// Throws `LedgerError`: `.rolledBack` when the ledger is smaller than the checkpoint, `.forked` when its first
    /// entries have another root. The signature is the caller's to check.
    package func require(extends checkpoint: Checkpoint, keptBy keeper: String) throws {
        try checkpoint.requireBeginning(ofSize: size(), root: root, keptBy: keeper)
    }
}

extension LedgerReading {
    /// As of a store that is open for writing.
    package func require(extends checkpoint: Checkpoint, keptBy keeper: String) throws {
        try withTree { try checkpoint.requireBeginning(ofSize: $0.size, root: $0.root, keptBy: keeper) }
    }
}

extension Checkpoint {
    fileprivate func requireBeginning(
        ofSize whole: Int64, root: (Int64) throws -> MerkleHash, keptBy keeper: String
    ) throws {
        guard whole >= size else {
            throw LedgerError(
                .rolledBack,
                "the ledger has \(Counted.entries(whole)), but \(keeper) has a checkpoint of \(size), signed at "
                    + "\(time): it was cut or replaced by an older copy. Nothing is appended",
                fix: "keep the file as evidence, run `dropgate ledger verify`, and put the whole ledger back")
        }
        guard try root(size) == self.root else {
            throw LedgerError(
                .forked,
                "the ledger's first \(Counted.entries(size)) are not those of the checkpoint that \(keeper) has, "
                    + "signed at \(time): entries were changed. Nothing is appended",
                fix: "keep the file as evidence, and run `dropgate ledger verify`")
        }
    }
}
