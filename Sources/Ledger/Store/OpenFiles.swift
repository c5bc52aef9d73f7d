// Whether the ledger's files are still those that its writer has open. SQLite goes on with a file that was moved or removed, and what it
// writes there ends with the process, or is written over by others.
import Files

/// The ledger's file, its log and the memory that its readers share, as a connection in WAL mode has them open for as long as it is
/// open itself.
struct OpenFiles: Sendable {
    private struct OpenFile {
        let path: String
        let identity: FileIdentity
        /// What to do where it is lost.
        let fix: String
    }

    private let files: [OpenFile]

    /// Once all are open.
    init(_ paths: LedgerPaths) {
        let restore =
            "stop the gate and put the whole ledger back from a backup (.github/guides/operating.md, \"Restore\")"
        // SQLite brings its log into the file when it closes it, whatever the log is called by then.
        let close =
            "stop the gate with SIGTERM, never with SIGKILL: as it ends it writes into the ledger's file what that lacks; then run "
            + "`dropgate ledger verify`, and start the gate again"
        files = [(paths.file, restore), (paths.wal, close), (paths.sharedMemory, close)].compactMap {
            path, fix in
            FileIdentity(path: path).map { OpenFile(path: path, identity: $0, fix: fix) }
        }
    }

    /// Throws `LedgerError(.unwritable)` where one of them was moved or removed, or something else lies in its place, and where that
    /// cannot be looked at: it may be in its place again later. As many calls of lstat(2).
    func requireInPlace() throws(LedgerError) {
        for file in files {
            let found: FileIdentity?
            do throws(SystemError) { found = try FileIdentity.of(file.path) } catch {
                throw LedgerError(
                    .unwritable, "the ledger cannot be looked at: \(AccessAdvice.denial(file.path, error))",
                    mayPass: true)
            }
            guard found != file.identity else { continue }
            throw LedgerError(
                .unwritable,
                "\(file.path) is not the file that the gate has open: that was moved or removed, or another one was put in its place",
                fix: "if it was moved, move it back; if it is lost, \(file.fix)", mayPass: true)
        }
    }
}
