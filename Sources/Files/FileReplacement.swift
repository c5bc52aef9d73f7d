// Puts a file in place whole: a reader sees the old one, the new one or none, after a crash too.
import CShims
import Glibc

package enum FileReplacement {
    /// What can fail, for whoever words it.
    package enum Step: Sendable { case create, sync, rename, syncDirectory }

    /// Makes a new file `temporary` (0600), in place of one that a crash left, has `fill` write it, and renames it to `name`.
    /// Both are names in `directory`; nobody else uses the temporary one.
    /// - Parameters:
    ///   - directory: open. nil when this process may not read it: then the names are absolute paths, and durable when the
    ///     system comes to it.
    ///   - mayReplace: without it, it fails with EEXIST when the name is taken.
    ///   - isDurable: it returns when the bytes and their name are on disk.
    ///   - fill: writes to the open file, and says what fails.
    package static func install<Failure: Error>(
        _ name: String, in directory: Int32?, temporary: String, mayReplace: Bool = true,
        isDurable: Bool = true, fill: (_ descriptor: Int32) throws(Failure) -> Void,
        failed: (Step, SystemError) -> Failure
    ) throws(Failure) {
        let place = directory ?? AT_FDCWD
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        var descriptor = dropgate_openat(place, temporary, flags, 0o600)
        if descriptor < 0, errno == EEXIST, unlinkat(place, temporary, 0) == 0 {
            // A crash left it; in a container the next process has the same id.
            descriptor = dropgate_openat(place, temporary, flags, 0o600)
        }
        guard descriptor >= 0 else { throw failed(.create, .last) }
        do throws(Failure) {
            defer { close(descriptor) }
            try fill(descriptor)
            if isDurable, fsync(descriptor) != 0 { throw failed(.sync, .last) }
            let outcome =
                mayReplace
                ? renameat(place, temporary, place, name)
                : dropgate_rename_noreplace(place, temporary, place, name)
            guard outcome == 0 else { throw failed(.rename, .last) }
            if isDurable, let directory, fsync(directory) != 0 { throw failed(.syncDirectory, .last) }
        } catch {
            unlinkat(place, temporary, 0)
            throw error
        }
    }

    /// Replaces or creates `path` with `bytes`, durably; what is a device or a pipe stays one and is written to. A new file
    /// gets `mode` (as of chmod(2)), and by root the owner of its directory; an old one keeps its own mode and owner.
    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws(FileError) {
        var old = stat()
        let exists = stat(path, &old) == 0
        if exists, ![S_IFREG, S_IFDIR].contains(old.st_mode & S_IFMT) { return try pass(bytes, to: path) }
        // The file behind a symbolic link is replaced, not the link.
        let target = exists ? Paths.real(path) ?? path : path
        let temporary = "\(target).\(getpid()).new"
        let directory = Paths.directory(of: Paths.absolute(target))
        if !exists { _ = stat(directory, &old) }
        let folder: Int32?
        do throws(SystemError) { folder = try Self.folder(of: target) } catch {
            throw FileError("write", target, error)
        }
        defer { if let folder { close(folder) } }
        try install(
            Paths.absolute(target), in: folder, temporary: Paths.absolute(temporary)
        ) { (descriptor) throws(FileError) in
            do throws(SystemError) {
                try SystemCall.write(bytes, to: descriptor)
                if geteuid() == 0 { _ = fchown(descriptor, old.st_uid, old.st_gid) }
                guard fchmod(descriptor, exists ? old.st_mode & 0o7777 : mode) == 0 else { throw .last }
            } catch {
                throw FileError("write", temporary, error)
            }
        } failed: { step, error in
            switch step {
            case .create where error.code == EACCES:
                FileError(
                    message:
                        "\(FileError("write", target, error)); run this as the owner of \(directory), usually "
                        + "with sudo")
            case .create: FileError("write", target, error)
            case .sync: FileError("write", temporary, error)
            case .rename: FileError("replace", target, error)
            case .syncDirectory: FileError("sync", directory, error)
            }
        }
    }

    private static func pass(_ bytes: [UInt8], to path: String) throws(FileError) {
        do throws(SystemError) {
            let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
            guard descriptor >= 0 else { throw .last }
            defer { close(descriptor) }
            try SystemCall.write(bytes, to: descriptor)
        } catch {
            throw FileError("write", path, error)
        }
    }

    /// Puts the file at `path` in the place of another one, or where none was. Both are names in one directory. It is durable
    /// when it returns, but where this process may not read the directory; it has been moved even if that fails (EIO).
    package static func move(_ path: String, to target: String) throws(SystemError) {
        let folder = try folder(of: target)
        defer { if let folder { close(folder) } }
        guard rename(path, target) == 0 else { throw .last }
        if let folder, fsync(folder) != 0 { throw .last }
    }

    /// Makes what a file or a directory holds durable. Links are refused.
    /// - Parameter flags: it is opened with them: O_RDWR, or O_RDONLY | O_DIRECTORY.
    package static func sync(_ path: String, flags: Int32 = O_RDWR) throws(SystemError) {
        let descriptor = open(path, flags | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw .last }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last }
    }

    /// Makes the name of a new file or directory durable, but where this process may not read the directory that it lies in.
    package static func syncName(of path: String) throws(SystemError) {
        guard let folder = try folder(of: path) else { return }
        defer { close(folder) }
        // Some network filesystems have nothing to sync in a directory, and say so by EINVAL.
        guard fsync(folder) == 0 || errno == EINVAL else { throw .last }
    }

    /// Gives a directory its name, where nothing has it yet (EEXIST), with the names of what lies in it. As `move`.
    package static func moveDirectory(_ path: String, to target: String) throws(SystemError) {
        try sync(path, flags: O_RDONLY | O_DIRECTORY)
        let folder = try folder(of: target)
        defer { if let folder { close(folder) } }
        if dropgate_rename_noreplace(AT_FDCWD, path, AT_FDCWD, target) != 0 {
            // Some network filesystems cannot look and rename at once (rename(2)).
            guard errno == EINVAL else { throw .last }
            guard access(target, F_OK) != 0 else { throw SystemError(EEXIST) }
            guard rename(path, target) == 0 else { throw .last }
        }
        guard let folder, fsync(folder) != 0 else { return }
        let error = SystemError.last
        // What is said to have failed must not lie there: a backup holds the key that signs the ledger.
        _ = rename(target, path)
        throw error
    }

    /// The directory of a file, open; nil when this process may write in it and not read it.
    private static func folder(of path: String) throws(SystemError) -> Int32? {
        let folder = open(Paths.directory(of: Paths.absolute(path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if folder >= 0 { return folder }
        // What is not there is told by what is to be made in it.
        guard [EACCES, ENOENT, ENOTDIR].contains(errno) else { throw .last }
        return nil
    }
}
