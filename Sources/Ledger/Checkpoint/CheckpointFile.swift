// Checkpoints in files, one note after the other with an empty line between: the copy beside the ledger, a file
// for each month, and witnesses that are a file on another mount.
import Admission
import Blocking
package import Files
import Foundation
import Synchronization

package struct CheckpointFile: Witness {
    /// As fsync(2).
    typealias Sync = @Sendable (_ descriptor: Int32) -> Int32

    private enum Place: Sendable {
        case file(String)
        case directory(String)
    }

    private let place: Place
    private let readers: AccessGroup?
    /// Of one thread: on a mount whose server is gone the others would only wait beside it.
    private let executor = BlockingExecutor(label: "checkpoint file", width: 1)
    private let sync: Sync
    private let onDisk = OnDisk()

    private init(_ place: Place, readers: AccessGroup?, sync: @escaping Sync) {
        self.place = place
        self.readers = readers
        self.sync = sync
    }

    /// Appends to one file.
    package init(file: String) { self.init(file: file, sync: { fsync($0) }) }

    init(file: String, sync: @escaping Sync) { self.init(.file(file), readers: nil, sync: sync) }

    /// Appends to `YYYY-MM.notes` in a directory, which is made when it is absent.
    /// - Parameter readers: who may read them, beside the owner.
    package init(directory: String, readers: AccessGroup? = nil) {
        self.init(.directory(directory), readers: readers, sync: { fsync($0) })
    }

    package var name: String {
        switch place {
        case .file(let path), .directory(let path): path
        }
    }

    package func keep(_ signed: SignedCheckpoint) async throws {
        try await executor.run { try writeAsOwner(signed) }
    }

    /// As `keep`, whatever becomes of the caller.
    package func append(_ signed: SignedCheckpoint) async throws {
        try await executor.runToEnd { try writeAsOwner(signed) }
    }

    private func writeAsOwner(_ signed: SignedCheckpoint) throws {
        do { try write(signed) } catch { throw closedToOwner() ?? error }
    }

    /// What to say to who keeps checkpoints here and may not, because the place or a file in it is another user's: root's, who has
    /// put it back from a backup, say. nil where something else is wrong.
    private func closedToOwner() -> LedgerError? {
        let user = SystemUser.own
        for (path, rights) in ownPlaces where access(path, rights) != 0 && errno == EACCES {
            var status = stat()
            guard stat(path, &status) == 0, rights & X_OK == 0 || status.st_mode & S_IFMT == S_IFDIR
            else { continue }
            let owner = SystemUser.name(of: status.st_uid) ?? "\(status.st_uid)"
            return LedgerError(
                .unwritable,
                "checkpoints cannot be kept in \(name): \(path) belongs to \(owner), and \(user) may not write it",
                fix: status.st_uid == geteuid()
                    ? AccessAdvice.opening(name, withContents: true)
                    : AccessAdvice.handoverToGate(name, geteuid()))
        }
        return nil
    }

    /// What must be there to be written, and what for.
    private var ownPlaces: [(path: String, rights: Int32)] {
        let file = R_OK | W_OK
        switch place {
        case .file(let path): return [(path, file)]
        case .directory(let directory):
            var places: [(path: String, rights: Int32)] = [(directory, file | X_OK)]
            // Of a directory that cannot be read there is nothing more to say.
            places += ((try? files()) ?? []).map { (path: $0, rights: file) }
            return places
        }
    }

    // MARK: Writing

    /// Durable when it returns. A checkpoint of a size that the newest one has already is not written again.
    private func write(_ signed: SignedCheckpoint) throws {
        if !onDisk.isDoubtful, let newest = try last(otherwise: .unwritable),
            newest.signed.checkpoint.size == signed.checkpoint.size,
            newest.signed.checkpoint.root == signed.checkpoint.root
        {
            return try makeDurable(newest.file)
        }
        let path: String
        switch place {
        case .file(let file): path = file
        case .directory(let directory):
            if mkdir(directory, 0o700) == 0 {
                try? readers?.admit(directory: directory)
            } else if errno != EEXIST {
                throw Self.failure("make", directory)
            }
            path = "\(directory)/\(signed.checkpoint.time.description.prefix(7)).notes"
        }
        let flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW
        let descriptor = try NoteFile.open(path, flags, otherwise: .unwritable) {
            Self.failure("append to", path, $0)
        }
        defer { close(descriptor) }
        readers?.admit(descriptor)
        let end = lseek(descriptor, 0, SEEK_END)
        if end == 0 { onDisk.name = nil }
        // This ends what a crash left of a note: the search for the newest one passes over it, and a verification asks whether
        // the ledger has the checkpoint that it is the beginning of.
        var text = signed.note.description + "\n"
        if end > 0, !Self.endsWithEmptyLine(descriptor, end) { text = "\n\n" + text }
        do throws(SystemError) {
            try SystemCall.write(Array(text.utf8), to: descriptor)
            try makeDurable(descriptor, path)
            onDisk.isDoubtful = false
        } catch {
            takeBack(descriptor, from: end, bytes: text.utf8.count)
            throw Self.failure("append to", path, error)
        }
    }

    /// What is there may have been written by a process that was ended before it was on disk.
    private func makeDurable(_ path: String) throws {
        let descriptor = try NoteFile.open(path, O_RDONLY | O_NOFOLLOW, otherwise: .unwritable) {
            Self.failure("sync", path, $0)
        }
        defer { close(descriptor) }
        do throws(SystemError) { try makeDurable(descriptor, path) } catch {
            onDisk.isDoubtful = true
            throw Self.failure("sync", path, error)
        }
    }

    /// Returns when what a file holds is on disk, and so is its name.
    private func makeDurable(_ descriptor: Int32, _ path: String) throws(SystemError) {
        guard sync(descriptor) == 0 else { throw .last }
        guard onDisk.name != path else { return }
        try FileReplacement.syncName(of: path)
        if case .directory(let directory) = place { try FileReplacement.syncName(of: directory) }
        onDisk.name = path
    }

    /// Takes away what may not be on disk. The next try would find it there and take it for kept: once a sync has failed, Linux takes
    /// pages for written that are not, and a later sync says that all is well.
    private func takeBack(_ descriptor: Int32, from end: off_t, bytes: Int) {
        // What somebody else has appended meanwhile stays, and a file may let nothing be taken away (chattr +a): then the note is
        // written once more.
        guard end >= 0, lseek(descriptor, 0, SEEK_END) <= end + off_t(bytes), ftruncate(descriptor, end) == 0
        else {
            onDisk.isDoubtful = true
            return
        }
    }

    // MARK: Reading

    package func newest() async throws -> SignedCheckpoint? { try await executor.run { try last()?.signed } }

    /// Whether nothing is kept, nor anything damaged in its place. Reads no further than to the first piece.
    package func isEmpty() throws -> Bool {
        var isEmpty = true
        for file in try files() where isEmpty {
            try Self.read(file) { pieces in
                isEmpty = pieces.isEmpty
                return isEmpty
            }
        }
        return isEmpty
    }

    /// All that there is, in the order in which it was kept.
    package func all() throws -> KeptCheckpoints {
        var all = KeptCheckpoints()
        for file in try files() {
            try Self.read(file) { pieces in
                for piece in pieces { all.add(piece.piece, in: file) }
                return true
            }
        }
        return all
    }

    /// As `all`, through a sieve: no more than a piece of a file is in memory.
    package func all(through sieve: inout CheckpointSieve) throws {
        for file in try files() {
            try Self.read(file) { pieces in
                try sieve.take(pieces, in: file)
                return true
            }
        }
    }

    /// A long file takes its time: it is waited for as long as there is more of it. Its newest checkpoint comes first, so that it is
    /// compared also where the rest cannot be read.
    package func kept(through sieve: inout CheckpointSieve, patience: Duration) async throws {
        sieve.last = try await step(patience) { try last()?.signed }
        for file in try await step(patience, { try files() }) {
            let notes = try await step(patience) { try NoteFile(file) }
            var scanner = NoteScanner()
            var isAtEnd = false
            while !isAtEnd {
                try Task.checkCancellation()
                let bytes = try await step(patience) { try notes.next() }
                isAtEnd = bytes.isEmpty
                try sieve.take(isAtEnd ? scanner.end() : scanner.take(bytes), in: file)
            }
        }
        sieve.last = nil
    }

    /// One call that may block for ever.
    private func step<R: Sendable>(
        _ patience: Duration, _ call: @escaping @Sendable () throws -> R
    ) async throws -> R {
        try await within(patience) { [executor] in try await executor.run(call) }
    }

    /// - Parameter code: of the error where something else than a file lies there.
    private func last(
        otherwise code: LedgerError.Code = .unreadable
    ) throws -> (signed: SignedCheckpoint, file: String)? {
        for file in try files().reversed() {
            if let last = try last(in: file, otherwise: code) { return (last, file) }
        }
        return nil
    }

    /// What follows it may be long: a filesystem that lost its power may have left zeros.
    private func last(in file: String, otherwise code: LedgerError.Code) throws -> SignedCheckpoint? {
        var tail: Int64 = 1 << 16
        while true {
            var last: SignedCheckpoint?
            let isWhole = try Self.read(file, tail: tail, otherwise: code) { pieces in
                last = pieces.last(where: { $0.piece.checkpoint != nil })?.piece.checkpoint ?? last
                return true
            }
            guard last == nil, !isWhole else { return last }
            tail *= 8
        }
    }

    /// Gives the pieces of a file in their order, some at a time, until the body returns false. Returns whether they begin with the
    /// file's first.
    /// - Parameters:
    ///   - tail: how much of its end is read; nil: all of it.
    ///   - code: as of `last`.
    @discardableResult
    private static func read(
        _ path: String, tail: Int64? = nil, otherwise code: LedgerError.Code = .unreadable,
        _ body: ([FoundPiece]) throws -> Bool
    ) throws -> Bool {
        let file = try NoteFile(path, otherwise: code)
        let isWhole = try tail.map(file.skip(toLast:)).map { $0 == 0 } ?? true
        var scanner = NoteScanner()
        while true {
            let bytes = try file.next()
            let isAtEnd = bytes.isEmpty
            let goesOn = try body(isAtEnd ? scanner.end() : scanner.take(bytes))
            guard goesOn, !isAtEnd else { return isWhole }
        }
    }

    private func files() throws -> [String] {
        switch place {
        case .file(let path): return try Self.isThere(path) ? [path] : []
        case .directory(let directory):
            guard try Self.isThere(directory) else { return [] }
            guard access(directory, R_OK) == 0 else {
                throw LedgerError(Self.unreadable, reading: directory, .last)
            }
            let names: [String]
            do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
                throw Self.unreadable(directory, error)
            }
            return names.filter { $0.hasSuffix(".notes") }.sorted().map { "\(directory)/\($0)" }
        }
    }

    /// Throws where this process may not look: checkpoints that cannot be read are not none.
    private static func isThere(_ path: String) throws -> Bool {
        do throws(FileError) { return try Presence.check(path) } catch {
            throw LedgerError(unreadable, error)
        }
    }

    static let unreadable = "checkpoints cannot be read"

    /// Foundation's errors are dictionaries in print.
    private static func unreadable(_ path: String, _ error: any Error) -> LedgerError {
        LedgerError(.unreadable, "cannot read \(path): \(SystemError(of: error) ?? SystemError(EIO))")
    }

    private static func endsWithEmptyLine(_ descriptor: Int32, _ end: off_t) -> Bool {
        var bytes: [UInt8] = [0, 0]
        return end >= 2 && pread(descriptor, &bytes, 2, end - 2) == 2 && bytes == [0x0A, 0x0A]
    }

    private static func failure(
        _ action: String, _ path: String, _ error: SystemError = .last
    ) -> LedgerError {
        LedgerError(cannot: action, path, error)
    }
}

/// What is known of the disk beneath a file of notes.
private final class OnDisk: Sendable {
    private let state = Mutex<(name: String?, isDoubtful: Bool)>((nil, false))

    /// The file whose name is on disk.
    var name: String? {
        get { state.withLock(\.name) }
        set { state.withLock { $0.name = newValue } }
    }

    /// Whether the newest note may not be on disk though it can be read.
    var isDoubtful: Bool {
        get { state.withLock(\.isDoubtful) }
        set { state.withLock { $0.isDoubtful = newValue } }
    }
}
