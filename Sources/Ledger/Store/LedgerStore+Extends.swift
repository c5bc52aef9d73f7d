// Whether a ledger still is what somebody has seen signed: asked before anything is appended.
import Admission

extension LedgerStore {
    /// Throws `LedgerError`: `.rolledBack` when the ledger is smaller than the checkpoint, `.forked` when its first
    /// entries have another root. The signature is the caller's to check.
    package func require(extends checkpoint: Checkpoint, keptBy keeper: String) throws {
        let size = try size()
        guard size >= checkpoint.size else {
            throw LedgerError(
                .rolledBack,
                "the ledger has \(Counted.entries(size)), but \(keeper) has a checkpoint of \(checkpoint.size), signed at "
                    + "\(checkpoint.time): it was cut or replaced by an older copy. Nothing is appended. Keep the "
                    + "file as evidence, run `dropgate ledger verify`, and put the whole ledger back")
        }
        guard try root(size: checkpoint.size) == checkpoint.root else {
            throw LedgerError(
                .forked,
                "the ledger's first \(Counted.entries(checkpoint.size)) are not those of the checkpoint that \(keeper) has, "
                    + "signed at \(checkpoint.time): entries were changed. Nothing is appended. Keep the file as "
                    + "evidence, and run `dropgate ledger verify`")
        }
    }
}
