// Checkpoints in files, one note after the other with an empty line between: the copy beside the ledger, a file
// for each month, and witnesses that are a file on another mount.
import Admission
import Blocking
package import Files
import Foundation

package struct CheckpointFile: Witness {
    private enum Place: Sendable {
        case file(String)
        case directory(String)
    }

    private let place: Place
    private let readers: AccessGroup?
    /// Of one thread: on a mount whose server is gone the others would only wait beside it.
    private let executor = BlockingExecutor(label: "checkpoint file", width: 1)

    /// Appends to one file.
    package init(file: String) {
        place = .file(file)
        readers = nil
    }

    /// Appends to `YYYY-MM.notes` in a directory, which is made when it is absent.
    /// - Parameter readers: who may read them, beside the owner.
    package init(directory: String, readers: AccessGroup? = nil) {
        place = .directory(directory)
        self.readers = readers
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
                    ? "chmod -R u+rwX \(name)" : "give it to the gate's user: chown -R \(user) \(name)")
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

    /// Durable when it returns. A checkpoint of a size that the newest one has already is left out.
    private func write(_ signed: SignedCheckpoint) throws {
        if let newest = try last(), newest.checkpoint.size == signed.checkpoint.size,
            newest.checkpoint.root == signed.checkpoint.root
        {
            return
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
        let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure("append to", path) }
        defer { close(descriptor) }
        readers?.admit(descriptor)
        let end = lseek(descriptor, 0, SEEK_END)
        // This ends what a crash left of a note: the search for the newest one passes over it, and a verification asks whether
        // the ledger has the checkpoint that it is the beginning of.
        var text = signed.note.description + "\n"
        if end > 0, !Self.endsWithEmptyLine(descriptor, end) { text = "\n\n" + text }
        do throws(SystemError) {
            try SystemCall.write(Array(text.utf8), to: descriptor)
            guard fsync(descriptor) == 0 else { throw .last }
        } catch {
            throw Self.failure("append to", path, error)
        }
    }

    package func newest() async throws -> SignedCheckpoint? { try await executor.run { try last() } }

    /// All that there is, in the order in which it was kept.
    package func all() throws -> KeptCheckpoints {
        var all = KeptCheckpoints()
        for file in try files() {
            for piece in try Self.pieces(file, tail: nil) { all.add(piece, in: file) }
        }
        return all
    }

    package func kept() async throws -> KeptCheckpoints { try await executor.run { try all() } }

    private func last() throws -> SignedCheckpoint? {
        for file in try files().reversed() {
            let pieces = try Self.pieces(file, tail: 1 << 16)
            if let last = pieces.last(where: { $0.checkpoint != nil })?.checkpoint { return last }
        }
        return nil
    }

    private func files() throws -> [String] {
        switch place {
        case .file(let path): return try Self.isThere(path) ? [path] : []
        case .directory(let directory):
            guard try Self.isThere(directory) else { return [] }
            guard access(directory, R_OK) == 0 else {
                throw Self.unreadable(Presence.denial(directory, .last))
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
        do throws(FileError) { return try Presence.check(path) } catch { throw unreadable(error.message) }
    }

    private static func unreadable(_ why: String) -> LedgerError {
        LedgerError(.unreadable, "checkpoints cannot be read: \(why)")
    }

    private static func pieces(_ path: String, tail: UInt64?) throws -> [SignedNote.Piece] {
        guard access(path, R_OK) == 0 else { throw unreadable(Presence.denial(path, .last)) }
        do {
            let file = try FileHandle(forReadingFrom: URL(filePath: path))
            defer { try? file.close() }
            let end = try file.seekToEnd()
            let start = tail.map { end > $0 ? end - $0 : 0 } ?? 0
            try file.seek(toOffset: start)
            let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
            return SignedNote.pieces(text)
        } catch {
            throw unreadable(path, error)
        }
    }

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
        LedgerError(.unwritable, "cannot \(action) \(path): \(error)")
    }
}
