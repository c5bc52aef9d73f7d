// A ledger from outside this target: the one way to write, read, seal and verify it. What keeps it, and in which files, is
// known only here and below.
import Admission
package import Files
import Foundation
import TLS

/// Where a ledger is kept. Making a handle opens nothing.
package struct LedgerHandle: Sendable, CustomStringConvertible {
    private let paths: LedgerPaths

    /// - Parameters:
    ///   - file: the ledger's own file, absolute; checkpoints and sealed entries lie beside it.
    ///   - readers: who may read all of it, beside the gate's user.
    package init(file: String, readers: ReadGroup? = nil) { paths = LedgerPaths(file, readers: readers) }

    /// For messages: "there is no ledger at …".
    package var description: String { paths.file }

    /// Where its files lie; must exist before it is opened.
    package var directory: String { paths.directory }

    /// Throws `LedgerError(.unreadable)` where this process may not look.
    package func exists() throws -> Bool {
        do throws(FileProblem) { return try Presence.check(paths.file) } catch {
            throw LedgerError(.unreadable, "the ledger cannot be read: \(error)")
        }
    }

    /// Lets the readers in to what is there by now: the directory, the ledger, checkpoints and sealed entries. Throws for what
    /// cannot be opened to them.
    package func admitReaders() throws(FileProblem) {
        guard let readers = paths.readers else { return }
        try readers.admit(directory: paths.directory)
        for file in [paths.file, paths.wal, paths.sharedMemory] where try Presence.check(file) {
            try readers.admit(file: file)
        }
        for folder in [paths.checkpoints, paths.segments, paths.directory + "/policies"]
        where try Presence.check(folder) {
            try readers.admit(directory: folder)
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                try readers.admit(file: "\(folder)/\(name)")
            }
        }
    }

    /// Opens the ledger for writing, or makes it, and holds its lock for as long as the store lives.
    /// Throws `LedgerError`: `.locked` when another process writes it, `.newer`, `.unwritable`, `.rolledBack` or `.forked` when
    /// its last checkpoint is not of its entries.
    /// - Parameter node: the gate's name, which each entry carries.
    package func open(node: String) throws -> any LedgerStore {
        try SQLiteLedgerStore(paths, node: node)
    }

    /// Opens the ledger for reading, beside its writer. Throws `LedgerError(.unreadable)` when there is none.
    package func reader() throws -> any LedgerReading { try SQLiteLedgerReader(paths) }

    /// Opens what moves old entries out of the store, beside its writer. Throws as `reader`.
    package func sealing() throws -> any LedgerSealing { try SQLiteLedgerReader(paths) }

    /// The checkpoints that the ledger itself keeps.
    package var checkpoints: CheckpointFile {
        CheckpointFile(directory: paths.checkpoints, readers: paths.readers)
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
