// A ledger from outside this target: the one way to write, read, seal and verify it. What keeps it, and in which files, is
// known only here and below.
import Admission
import Foundation
import GRDB
import TLS

/// Where a ledger is kept. Making a handle opens nothing.
package struct LedgerHandle: Sendable, CustomStringConvertible {
    private let paths: LedgerPaths

    /// - Parameter file: the ledger's own file, absolute; checkpoints and sealed entries lie beside it.
    package init(file: String) { paths = LedgerPaths(file) }

    /// For messages: "there is no ledger at …".
    package var description: String { paths.file }

    /// Where its files lie; must exist before it is opened.
    package var directory: String { paths.directory }

    package var exists: Bool { FileManager.default.fileExists(atPath: paths.file) }

    /// Whether a ledger is there; false where nothing shows that there ever was one. Changes nothing.
    /// Throws `LedgerError`: `.missing` when it was moved or removed, `.foreign` when what is there is none, `.unreadable`.
    package func isThere() throws -> Bool {
        guard try paths.isThere() else { return false }
        try Schema.openOfAnyFormat(path: paths.file).close()
        return true
    }

    /// Opens the ledger for writing, or makes it, and holds its lock for as long as the store lives.
    /// Throws `LedgerError`: `.locked` when another process writes it, `.newer`, `.unwritable`, `.missing` or
    /// `.foreign` as `isThere`, `.rolledBack` or `.forked` when its last checkpoint is not of its entries.
    /// - Parameter node: the gate's name, which each entry carries.
    package func open(node: String) throws -> any LedgerStore {
        try SQLiteLedgerStore(path: paths.file, node: node)
    }

    /// As `open(node:)`, and throws `LedgerError` as `LedgerStore.require(extends:keptBy:)` unless the ledger has what others
    /// have seen of it. None is made where they have seen one: `.missing`.
    package func open(
        node: String, extending seen: [(checkpoint: Checkpoint, keeper: String)]
    ) throws -> any LedgerStore {
        if let first = seen.first, try !isThere() {
            throw paths.missing(seen: first.checkpoint, by: first.keeper)
        }
        let store = try open(node: node)
        for seen in seen { try store.require(extends: seen.checkpoint, keptBy: seen.keeper) }
        return store
    }

    /// Opens the ledger for reading, beside its writer. Throws `LedgerError`: `.unreadable` when there is none, `.missing` or
    /// `.foreign` as `isThere`.
    package func reader() throws -> any LedgerReading { try SQLiteLedgerReader(path: paths.file) }

    /// Opens what moves old entries out of the store, beside its writer. Throws as `reader`.
    package func sealing() throws -> any LedgerSealing { try SQLiteLedgerReader(path: paths.file) }

    /// The checkpoints that the ledger itself keeps.
    package var checkpoints: CheckpointFile { CheckpointFile(directory: paths.checkpoints) }

    /// What hashes every entry again, and compares it with everything that was signed.
    /// - Parameters:
    ///   - trusted: keys that are known to be the ledger's; others are trusted when an entry with both signatures ties them
    ///     to one of these.
    ///   - progress: called once in a while with entries done and in all.
    package func verifier(
        trusted: Set<NoteVerifier>, kept: [LedgerVerifier.Kept],
        progress: @escaping (_ done: Int64, _ of: Int64) -> Void = { _, _ in }
    ) -> LedgerVerifier {
        LedgerVerifier(paths, trusted: trusted, kept: kept, progress: progress)
    }
}
