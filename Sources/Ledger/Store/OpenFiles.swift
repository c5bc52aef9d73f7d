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
        "stop the gate with SIGTERM, never with SIGKILL: as it stops, it writes into the ledger's file what is missing there; then run "
        + "`dropgate ledger verify`, and start the gate again"

    /// Throws `LedgerError(.unwritable)` where one of them was moved or removed, or something else lies in its place, and where that
    /// cannot be looked at: it may be in its place again later. As many calls of lstat(2).
    func requireInPlace() throws(LedgerError) {
        for file in files {
            let found: FileIdentity?
            do throws(SystemError) { found = try FileIdentity.of(file.path) } catch {
                throw LedgerError(
                    .unwritable, "the ledger cannot be checked: \(AccessAdvice.denial(file.path, error))",
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
    /// those, and read a ledger that lacks what was written since. Throws `LedgerError`, which may pass: `.unreadable`, or `.locked` where
    /// a writer has not opened them yet. Blocks for a second at most, and only where they are not as they should be.
    static func requireLog(of paths: LedgerPaths) throws(LedgerError) {
        guard lost(paths) != nil else { return }
        do { try FileLock.requireFree(paths) } catch {
            // A writer that was about to open them has them by now.
            guard error.code == .locked, let loss = lost(paths) else { return }
            switch loss {
            case .yetToOpen:
                throw LedgerError(
                    .locked, "a process is about to write this ledger, and has not opened it yet",
                    fix: "run this again in a moment", mayPass: true)
            case .file(let path):
                throw LedgerError(
                    .unreadable,
                    "the ledger is being written, and \(path) is not the file that its writer has open: that was moved or removed, or "
                        + "another one was put in its place; without it, what was written last would be missing, and a running gate "
                        + "accepts nothing until it is back",
                    fix: fix(ifLost: path == paths.file ? lostFile : lostLog), mayPass: true)
            }
        }
    }

    private enum Loss {
        /// It is not there, or another one than its writer has open.
        case file(String)
        /// Its log is not there, and nobody has written down that it has it open.
        case yetToOpen
    }

    /// What of a ledger's files is not as a writer has them, if there is one. What may not be looked at is told by who opens it.
    private static func lost(_ paths: LedgerPaths) -> Loss? {
        let noted = WriterNote.text(paths).map(identities)
        for path in [paths.file, paths.wal, paths.sharedMemory] {
            let found: FileIdentity?
            do throws(SystemError) { found = try FileIdentity.of(path) } catch { return nil }
            if let open = noted?[Paths.lastComponent(of: path)] {
                if found != open { return .file(path) }
            } else if found == nil {
                if noted == nil { return .file(path) }
                // A ledger's first writer takes the lock before it makes the file.
                if path != paths.file { return .yetToOpen }
            }
        }
        return nil
    }

    /// What a writer writes down of them (`WriterNote`).
    var note: String {
        files.map { "\(Paths.lastComponent(of: $0.path)) \($0.identity.recorded)\n" }.joined()
    }

    /// By their names. What cannot be read, and a last line without its end, was not written down.
    private static func identities(_ note: String) -> [String: FileIdentity] {
        var found: [String: FileIdentity] = [:]
        for line in note.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            guard let space = line.lastIndex(of: " "),
                let identity = FileIdentity(recorded: line[line.index(after: space)...])
            else { continue }
            found[String(line[..<space])] = identity
        }
        return found
    }
}
