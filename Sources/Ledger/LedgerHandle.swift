// A ledger from outside this target: the one way to write, read, seal and verify it. What keeps it, and in which files, is
// known only here and below.
import Admission
import Foundation
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

    /// Opens the ledger for writing, or makes it, and holds its lock for as long as the store lives.
    /// Throws `LedgerError`: `.locked` when another process writes it, `.newer`, `.unwritable`, `.rolledBack` or `.forked` when
    /// its last checkpoint is not of its entries.
    /// - Parameter node: the gate's name, which each entry carries.
    package func open(node: String) throws -> any LedgerStore {
        try SQLiteLedgerStore(path: paths.file, node: node)
    }

    /// Whether this program can write the ledger that is there, before it is opened for that. Throws `LedgerError`: `.newer` for
    /// one of a later release, `.unreadable` for one that cannot be looked at. None is there: nothing is wrong.
    package func refuseNewer() throws {
        guard exists else { return }
        do { try Schema.refuseNewer(path: paths.file) } catch let error as LedgerError { throw error } catch {
            throw LedgerError(.unreadable, "cannot read the ledger \(paths.file): \(error)")
        }
    }

    /// Opens the ledger for reading, beside its writer. Throws `LedgerError(.unreadable)` when there is none.
    package func reader() throws -> any LedgerReading { try SQLiteLedgerReader(path: paths.file) }

    /// Opens what moves old entries out of the store, beside its writer. Throws as `reader`.
    package func sealing() throws -> any LedgerSealing { try SQLiteLedgerReader(path: paths.file) }

    /// The checkpoints that the ledger itself keeps.
    package var checkpoints: CheckpointFile { CheckpointFile(directory: paths.checkpoints) }

    /// Copies the whole ledger as it is at one moment into an empty directory, beside its writer: its file, checkpoints and
    /// sealed entries, under their own names, each 0600. Durable when it returns, but for the directory's own name.
    /// Blocking. Throws `LedgerError`: `.unwritable`, `.unreadable`, or `.forked` for a sealed file that was altered.
    package func backUp(into directory: String) throws -> LedgerBackup {
        var writer = BackupWriter(paths, into: directory)
        return try writer.write()
    }

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
