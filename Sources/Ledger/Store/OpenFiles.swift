// Whether the ledger's files are still those that its writer has open. SQLite goes on with a file that was moved or removed, and what it
// writes there ends with the process, or is written over by others; who opens it then reads too little.
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
            "do not stop the gate yet: the file can still be copied from it (.github/guides/troubleshooting.md, \"The ledger was removed "
            + "while the gate runs\")"
        files = [
            (paths.file, restore), (paths.wal, Self.lostLog), (paths.sharedMemory, Self.lostLog),
        ].compactMap { path, fix in
            FileIdentity(path: path).map { OpenFile(path: path, identity: $0, fix: fix) }
        }
    }

    /// What to do where the log or the shared memory is lost: SQLite brings its log into the file when it closes it, whatever the log
    /// is called by then.
    private static let lostLog =
        "stop the gate with SIGTERM, never with SIGKILL: as it ends it writes into the ledger's file what that lacks; then run "
        + "`dropgate ledger verify`, and start the gate again"

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
                fix: Self.fix(ifLost: file.fix), mayPass: true)
        }
    }

    private static func fix(ifLost fix: String) -> String {
        "if it was moved, move it back; if it is lost, \(fix)"
    }

    /// For who reads beside a writer. Where the writer's log or shared memory was moved or removed, SQLite would make others, and read
    /// a ledger that lacks what was written since its file was last brought up to date. Throws `LedgerError(.unreadable)`; that may
    /// pass. Blocks for a second at most, and only where one of them is not there.
    static func requireLog(of paths: LedgerPaths) throws(LedgerError) {
        guard try lacking(paths) != nil else { return }
        do { try FileLock.requireFree(path: paths.lock) } catch {
            // A writer that was about to open them has them by now.
            guard error.code == .locked, let missing = try lacking(paths) else { return }
            throw LedgerError(
                .unreadable,
                "the ledger is being written, and \(missing), which its writer has open, was moved or removed: without it, what was "
                    + "written last would be missing",
                fix: fix(ifLost: lostLog), mayPass: true)
        }
    }

    private static func lacking(_ paths: LedgerPaths) throws(LedgerError) -> String? {
        for path in [paths.wal, paths.sharedMemory] {
            do throws(FileError) { if try !Presence.check(path) { return path } } catch {
                throw LedgerError("the ledger cannot be read", error)
            }
        }
        return nil
    }
}
