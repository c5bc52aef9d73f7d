// A lock on a file that ends with the process at the latest: one writer a ledger.
import Files
import Glibc

/// An exclusive advisory lock (flock(2)), held until it is released, its value is freed, or the process ends.
final class FileLock: Sendable {
    private let path: String
    private let descriptor: Int32

    /// Throws `LedgerError(.locked)` when another process holds it.
    /// - Parameter tries: how often, 20 ms apart.
    init(path: String, tries: Int = FileLock.patience) throws {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let error = SystemError.last
            throw LedgerPaths.closed(path, error)
                ?? LedgerError(
                    .unwritable,
                    "the ledger cannot be written: \(AccessAdvice.denial(path, error, to: "write"))")
        }
        // `deinit` closes the file also where this throws: all members have their values.
        // A file that was removed meanwhile keeps nobody out.
        guard Self.take(LOCK_EX, descriptor, tries: tries), isInPlace else {
            throw LedgerError(
                .locked, Self.held(path), fix: "is the gate already running? If so, use it, or stop it first")
        }
        note("")
    }

    deinit { close(descriptor) }

    /// Others may take it. It is not taken again.
    func release() {
        note("")
        flock(descriptor, LOCK_UN)
    }

    /// Writes down for others, in place of what was there, what its holder has open (`OpenFiles`). Where there is no room for that they
    /// find nothing, or not all of it.
    func note(_ text: String) {
        guard ftruncate(descriptor, 0) == 0 else { return }
        _ = pwrite(descriptor, text, text.utf8.count, 0)
    }

    /// What was written down last, by a holder that may have ended; nil where this user may not read it.
    static func noted(path: String) -> String? {
        (try? SmallFile.open(path).contents(limit: 4096)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether the file that is locked has its name still: where it was removed, others lock another one.
    var isInPlace: Bool {
        FileIdentity(path: path).map { $0 == FileIdentity(descriptor: descriptor) } ?? false
    }

    private static let patience = 50

    /// A child that was just forked holds a lock too until it executes its program, and a look at whether it is held
    /// (`requireFree`) takes it, too: waits a moment.
    private static func take(_ operation: Int32, _ descriptor: Int32, tries: Int = patience) -> Bool {
        for left in (0..<tries).reversed() {
            if flock(descriptor, operation | LOCK_NB) == 0 { return true }
            if left > 0 { usleep(20_000) }
        }
        return false
    }

    private static func held(_ path: String) -> String {
        "another process writes this ledger (\(path) is locked)"
    }

    /// Throws `LedgerError(.locked)` when a process holds it, and `.unreadable` or `.unwritable` where that cannot be told. Blocks for
    /// a second at most, and makes no file. Auditors may not open the lock, for who can open it can lock the gate out: whether it is held
    /// is asked of the kernel's list then, which does not show the locks of other containers.
    static func requireFree(path: String) throws(LedgerError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            let error = SystemError.last
            if let closed = LedgerPaths.closed(path, error) { throw closed }
            if [ENOENT, ENOTDIR].contains(error.code) { return }
            if error.code == EACCES {
                if isListed(path) { throw LedgerError(.locked, held(path)) }
                return
            }
            throw LedgerError(
                .unreadable, "whether a process writes this ledger is not known: \(path): \(error)")
        }
        defer { close(descriptor) }
        // Shared: those who look do not hold each other up.
        guard take(LOCK_SH, descriptor) else { throw LedgerError(.locked, held(path)) }
    }

    /// Whether proc_locks(5) has a lock of flock(2) on a file: "1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF". By its inode alone,
    /// since filesystems in layers show other devices there than stat(2) does.
    private static func isListed(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0,
            let list = try? SmallFile.open("/proc/locks").contents(limit: 1 << 20)
        else { return false }
        return String(decoding: list, as: UTF8.self).split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return words.count > 5 && words[1] == "FLOCK" && words[3] == "WRITE"
                && words[5].split(separator: ":").last.flatMap { UInt($0) } == UInt(status.st_ino)
        }
    }

    /// Makes an empty file, 0600, unless it is there. Links are refused.
    static func makePrivateFile(path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw LedgerError(cannot: "make", path, .last)
        }
        close(descriptor)
    }
}
