// Whoever changes a file by reading it and putting another one in its place holds the lock of its directory (flock(2)) from the look
// to the rename: of two at once the later one begins with what the earlier one made. Who only reads needs none.
import Glibc

package enum DirectoryLock {
    /// A change takes milliseconds: whoever holds a lock for longer is stuck, or is no change of ours.
    package static let patience = Duration.seconds(10)
    /// Between two tries.
    private static let rest = Duration.milliseconds(20)

    /// Carries out a change while nobody else, in this process or another one, holds the lock of one of these directories. The
    /// directory itself is locked: that makes no file, and takes no more than the right to read it, so that root and the gate's
    /// user share one lock. A directory that is not there is passed over: the change says so of its file.
    /// Throws a `FileError` when a directory may not be read, or is held for longer than `patience`, and what the change throws.
    package static func hold<Value>(
        _ directories: [String], patience: Duration = Self.patience, _ change: () throws -> Value
    ) async throws -> Value {
        let folders = try folders(directories)
        defer { withExtendedLifetime(folders) {} }
        let end = ContinuousClock.now + patience
        for folder in folders {
            while try !folder.lock() {
                guard ContinuousClock.now < end else { throw folder.isHeld(for: patience) }
                try await Task.sleep(for: rest)
            }
        }
        return try change()
    }

    /// Each directory once, whatever names it has, and in one order for everybody: else two could wait for each other.
    private static func folders(_ directories: [String]) throws(FileError) -> [Folder] {
        var folders: [Folder] = []
        for path in directories {
            guard let folder = try Folder.at(path),
                !folders.contains(where: { $0.device == folder.device && $0.inode == folder.inode })
            else { continue }
            folders.append(folder)
        }
        return folders.sorted { ($0.device, $0.inode) < ($1.device, $1.inode) }
    }
}

/// An open directory; its lock ends with it.
private final class Folder {
    let path: String
    let descriptor: Int32
    let device: UInt64
    let inode: UInt64

    private init(path: String, descriptor: Int32, _ status: stat) {
        self.path = path
        self.descriptor = descriptor
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    deinit { close(descriptor) }

    /// nil where there is none.
    static func at(_ path: String) throws(FileError) -> Folder? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let error = SystemError.last
            if [ENOENT, ENOTDIR].contains(error.code) { return nil }
            throw FileError("read", path, error)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = SystemError.last
            close(descriptor)
            throw FileError("read", path, error)
        }
        return Folder(path: path, descriptor: descriptor, status)
    }

    /// False while somebody else holds it.
    func lock() throws(FileError) -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        let error = SystemError.last
        guard [EAGAIN, EINTR].contains(error.code) else { throw FileError("lock", path, error) }
        return false
    }

    func isHeld(for patience: Duration) -> FileError {
        FileError(
            message:
                "nothing was changed: for \(patience.components.seconds) s somebody else has held the lock of \(path)",
            fix: "try again; if this persists, find out which process it is: lslocks")
    }
}
