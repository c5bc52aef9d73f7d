// Whether the ledger's files are still those that its writer has open. SQLite goes on with a file that was moved or removed, and what it
// writes there ends with the process.
import Files

/// The ledger's file and its log, as a connection in WAL mode has them open for as long as it is open itself.
struct OpenFiles: Sendable {
    private let identities: [(path: String, identity: FileIdentity)]

    /// Once both are open.
    init(_ paths: LedgerPaths) {
        identities = [paths.file, paths.wal].compactMap { path in
            FileIdentity(path: path).map { (path, $0) }
        }
    }

    /// Throws `LedgerError(.missing)` where one of them was moved or removed, or something else lies in its place. Two calls of stat(2).
    func requireInPlace() throws(LedgerError) {
        for (path, identity) in identities where FileIdentity(path: path) != identity {
            throw LedgerError(
                .missing,
                "\(path) is not the file that the gate has open: that was moved or removed, or another one was put in its place",
                fix:
                    "if it was moved, move it back; if it is lost, stop the gate and put the whole ledger back from a backup "
                    + "(.github/guides/operating.md, \"Restore\")")
        }
    }
}
