// Where the parts of a ledger lie: its file is named, the rest lies beside it.
import Files

struct LedgerPaths: Sendable {
    /// The SQLite file, absolute.
    let file: String
    /// Who may read what is made, beside the gate's user.
    let readers: AccessGroup?

    init(_ file: String, readers: AccessGroup? = nil) {
        self.file = file
        self.readers = readers
    }

    /// The files that SQLite keeps beside its own while it is open.
    var wal: String { file + "-wal" }
    var sharedMemory: String { file + "-shm" }

    /// Locked by the process that writes it.
    var lock: String { file + ".lock" }

    /// What that process has open, for those who read beside it (`OpenFiles`). Auditors may not open the lock itself.
    var openFiles: String { file + ".open" }

    /// The directory that holds it.
    var directory: String {
        let above = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
            separator: "/")
        return above.isEmpty ? "/" : above
    }

    /// Signed checkpoints as they were made.
    var checkpoints: String { directory + "/checkpoints" }

    /// Source lists that were in force, by their version.
    var policies: String { directory + "/policies" }

    /// Files of sealed entries.
    var segments: String { directory + "/segments" }
}
