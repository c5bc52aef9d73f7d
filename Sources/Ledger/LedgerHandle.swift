// A ledger from outside this target: the one way to write, read, seal and verify it. What keeps it, and in which files, is
// known only here and below.
package import Admission
package import Files
import Foundation
import GRDB
import TLS

/// Where a ledger is kept. Making a handle opens nothing.
package struct LedgerHandle: Sendable, CustomStringConvertible {
    private let paths: LedgerPaths

    /// - Parameters:
    ///   - file: the ledger's own file, absolute; checkpoints and sealed entries lie beside it.
    ///   - readers: who may read all of it, beside the gate's user.
    package init(file: String, readers: AccessGroup? = nil) { paths = LedgerPaths(file, readers: readers) }

    /// For messages: "there is no ledger at …".
    package var description: String { paths.file }

    /// Where its files lie; must exist before it is opened.
    package var directory: String { paths.directory }

    /// Where the checkpoints lie that it keeps itself.
    package var checkpointDirectory: String { paths.checkpoints }

    /// The file that its writer locks.
    package var lock: String { paths.lock }

    /// Lets the readers in to what is there by now: the directory, the ledger, checkpoints and sealed entries. Throws for what
    /// cannot be opened to them.
    package func admitReaders() throws(FileError) {
        guard let readers = paths.readers else { return }
        let shared = try shared
        for folder in shared.folders { try readers.admit(directory: folder) }
        for file in shared.files { try readers.admit(file: file) }
    }

    /// Shuts out who had been let in.
    package func dismiss(_ readers: AccessGroup) throws(FileError) {
        let shared = try shared
        for place in shared.files + shared.folders { try readers.dismiss(from: place) }
    }

    /// What readers get to read of what is there by now.
    private var shared: (folders: [String], files: [String]) {
        get throws(FileError) {
            var (folders, files) = ([paths.directory], [String]())
            for file in [paths.file, paths.wal, paths.sharedMemory, paths.openFiles]
            where try Presence.check(file) {
                files.append(file)
            }
            for folder in [paths.checkpoints, paths.segments, paths.policies]
            where try Presence.check(folder) {
                folders.append(folder)
                let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
                files += names.map { "\(folder)/\($0)" }
            }
            return (folders, files)
        }
    }

    /// What to say where there is none and one is needed.
    package var absent: LedgerError { paths.absent }

    /// Whether a ledger is there; false where nothing shows that there ever was one. Changes nothing.
    /// Throws `LedgerError`: `.missing` when it was moved or removed, `.foreign` when what is there is none, `.unreadable`.
    package func isThere() throws -> Bool {
        try OpenFiles.requireLog(of: paths)
        guard try paths.isThere() else { return false }
        _ = try ReadOnlyDatabase(paths, isOfAnyFormat: true)
        return true
    }

    /// Throws `LedgerError(.locked)` while a process has it open for writing, or brings it up to date for that, and `.unreadable`
    /// where that cannot be told. Blocks for a second at most, and changes nothing.
    package func requireNoWriter() throws(LedgerError) { try FileLock.requireFree(paths) }

    /// Throws `LedgerError(.unwritable)` where what is there of it could not be opened for writing, for it is another user's. Opens and
    /// makes nothing.
    /// - Parameter byOwner: root asks for whose the ledger is, and not for itself.
    package func requireWritable(byOwner: Bool = false) throws(LedgerError) {
        try paths.requireWritable(byOwner: byOwner)
    }

    /// Opens the ledger for writing, or makes it, and holds its lock until the store is closed.
    /// Throws `LedgerError`: `.locked` when another process writes it, `.newer`, `.unwritable`, `.missing` or
    /// `.foreign` as `isThere`, `.rolledBack` or `.forked` when its last checkpoint is not of its entries.
    /// - Parameters:
    ///   - node: the gate's name, which each entry carries.
    ///   - progress: is told what is done to a large ledger of an earlier format before it can be used.
    package func open(
        node: String, progress: (String) -> Void = { _ in }
    ) throws -> any LedgerStore {
        try SQLiteLedgerStore(paths, node: node, progress: progress)
    }

    /// As `open(node:)`, and throws `LedgerError` as `LedgerStore.require(extends:keptBy:)` unless the ledger has what others
    /// have seen of it. None is made where they have seen one: `.missing`.
    package func open(
        node: String, extending seen: [(checkpoint: Checkpoint, keeper: String)],
        progress: (String) -> Void = { _ in }
    ) throws -> any LedgerStore {
        if let first = seen.first, try !isThere() {
            throw paths.missing(seen: first.checkpoint, by: first.keeper)
        }
        let store = try open(node: node, progress: progress)
        for seen in seen { try store.require(extends: seen.checkpoint, keptBy: seen.keeper) }
        return store
    }

    /// Opens the ledger for reading, beside its writer. Throws `LedgerError`: `.unreadable` when there is none, `.missing` or
    /// `.foreign` as `isThere`.
    package func reader() throws -> any LedgerReading { try SQLiteLedgerReader(paths) }

    /// Opens what moves old entries out of the store, beside its writer. Throws as `reader`.
    package func sealing() throws -> any LedgerSealing { try SQLiteLedgerReader(paths) }

    /// The checkpoints that the ledger itself keeps.
    package var checkpoints: CheckpointFile {
        CheckpointFile(directory: paths.checkpoints, readers: paths.readers)
    }

    /// The source lists that its entries name by their version.
    package var policies: PolicyArchive { PolicyArchive(directory: paths.policies, readers: paths.readers) }

    /// Source lists that are kept beside it and are not what their names say, and those that its entries promise and that are
    /// gone. Blocking. Throws `LedgerError`.
    /// - Parameters:
    ///   - since: looks for promises in entries from then on; nil: in all, sealed ones too.
    ///   - inForce: the version that a running gate has in force, which it keeps whatever entries say.
    package func damagedLists(
        since: Instant? = nil, inForce: String? = nil
    ) throws -> [KeptLists.Damage] {
        try policies.damage(promised: reader().promisedLists(since: since), inForce: inForce)
    }

    /// Copies the whole ledger as it is at one moment into an empty directory, beside its writer: its file, checkpoints and
    /// sealed entries, under their own names, each 0600. Durable when it returns, but for the directory's own name.
    /// Blocking. Throws `LedgerError`: `.unwritable`, `.unreadable`, or `.forked` for a sealed file that was altered.
    package func backUp(into directory: String) throws -> LedgerBackup {
        var writer = BackupWriter(paths, into: directory)
        return try writer.write()
    }

    /// What holds checkpoints that somebody has kept against those that the ledger has, beside its writer. Throws as `reader`.
    /// - Parameter trusted: as of `verifier`.
    package func sieve(trusted: Set<NoteVerifier>) throws -> CheckpointSieve {
        CheckpointSieve(try ReadOnlyDatabase(paths), trusted: trusted)
    }

    /// What hashes every entry again, and compares it with everything that was signed.
    /// - Parameters:
    ///   - trusted: keys that are known to be the ledger's; others are trusted when an entry with both signatures ties them
    ///     to one of these.
    ///   - evidence: what was kept of its checkpoints, beside it and elsewhere.
    ///   - progress: called once in a while with entries done and in all.
    package func verifier(
        trusted: Set<NoteVerifier>, evidence: LedgerVerifier.Evidence = .init(),
        progress: @escaping (_ done: Int64, _ of: Int64) -> Void = { _, _ in }
    ) -> LedgerVerifier {
        LedgerVerifier(paths, trusted: trusted, evidence: evidence, progress: progress)
    }
}
