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
        files = [
            (paths.file, Self.lostFile), (paths.wal, Self.lostLog), (paths.sharedMemory, Self.lostLog),
        ].compactMap { path, fix in
            FileIdentity(path: path).map { OpenFile(path: path, identity: $0, fix: fix) }
        }
    }

    /// What to do where the ledger's own file is lost.
    private static let lostFile =
        "do not stop the gate yet: the file can still be copied from it (.github/guides/troubleshooting.md, \"The ledger was removed "
        + "while the gate runs\")"

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

    /// For who reads beside a writer. Where one of the writer's files was moved, removed or replaced, SQLite would make others or take
    /// those, and read a ledger that lacks what was written since. Throws `LedgerError(.unreadable)`; that may pass. Blocks for a second
    /// at most, and only where one of them is not there or another one than was written down (`note`).
    static func requireLog(of paths: LedgerPaths) throws(LedgerError) {
        guard try lost(paths) != nil else { return }
        do { try FileLock.requireFree(path: paths.lock) } catch {
            // A writer that was about to open them has them by now.
            guard error.code == .locked, let path = try lost(paths) else { return }
            throw LedgerError(
                .unreadable,
                "the ledger is being written, and \(path) is not the file that its writer has open: that was moved or removed, or another "
                    + "one was put in its place; without it, what was written last would be missing",
                fix: fix(ifLost: path == paths.file ? lostFile : lostLog), mayPass: true)
        }
    }

    /// The first of a writer's files that is not there, or is another one than its writer has written down.
    private static func lost(_ paths: LedgerPaths) throws(LedgerError) -> String? {
        let noted = FileLock.noted(path: paths.lock)?.split(separator: "\n") ?? []
        for path in [paths.file, paths.wal, paths.sharedMemory] {
            let found: FileIdentity?
            do throws(SystemError) { found = try FileIdentity.of(path) } catch {
                throw LedgerError("the ledger cannot be read", reading: path, error)
            }
            guard let found else { return path }
            let start = mark(path)
            if let line = noted.first(where: { $0.hasPrefix(start) }), line != "\(start)\(found)" {
                return path
            }
        }
        return nil
    }

    /// What a writer writes down of them in its lock: a line each.
    var note: String { files.map { "\(Self.mark($0.path))\($0.identity)\n" }.joined() }

    private static func mark(_ path: String) -> String { Paths.lastComponent(of: path) + " " }
}
