// Checkpoints as rows: one a tree size, signed again while the ledger stays as it is.
import Admission
import GRDB

enum CheckpointTable {
    /// Signs the head and stores it. nil for an empty tree.
    static func sign(_ db: Database, _ frontier: MerkleFrontier, _ key: NoteSigner, now: Instant) throws
        -> SignedCheckpoint?
    {
        guard frontier.size > 0 else { return nil }
        let previous = try Int64.fetchOne(
            db, sql: "SELECT max(size) FROM checkpoints WHERE size < ?", arguments: [frontier.size])
        let signed = try SignedCheckpoint(
            Checkpoint(
                origin: key.verifier.name, size: frontier.size, root: frontier.root, previous: previous,
                time: now),
            key)
        try db.execute(
            sql: "INSERT OR REPLACE INTO checkpoints (size, time, note) VALUES (?, ?, ?)",
            arguments: [frontier.size, now.microseconds, signed.note.description])
        return signed
    }

    /// The newest one; nil when there is none. Throws when what is stored is not a checkpoint.
    static func newest(_ db: Database) throws -> SignedCheckpoint? {
        guard
            let text = try String.fetchOne(db, sql: "SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")
        else {
            return nil
        }
        guard let signed = SignedNote(parsing: text).flatMap(SignedCheckpoint.init) else {
            throw LedgerError(
                .forked, "the ledger's newest checkpoint cannot be read",
                fix: "keep the file as evidence, and run `dropgate ledger verify`")
        }
        return signed
    }
}
