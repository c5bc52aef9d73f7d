// An open directory of staging. Every name is one component, every open refuses links: what starts under the
// staging root stays under it.
import CShims
import Files
import Glibc

/// A directory held open; names are resolved against it, never against a path. Closes itself.
package final class Directory: Sendable {
    package let descriptor: Int32
    /// For messages only.
    package let path: String

    private init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Opens the directory at `path`, which may be anywhere; made 0700 when absent and `create` is set.
    package convenience init(path: String, create: Bool = false) throws(StagingError) {
        if create, mkdir(path, 0o700) != 0, errno != EEXIST {
            throw StagingError(errno: errno, "cannot make the directory \(path)", at: path, to: "write")
        }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unopened(path, errno) }
        self.init(descriptor: descriptor, path: path)
    }

    /// Of a directory that may be anywhere, at the end of links, too.
    private static func unopened(_ path: String, _ error: Int32) -> StagingError {
        let failed = StagingError(errno: error, "cannot open the directory \(path)", at: path)
        // What it leads to may be on a filesystem that is not mounted.
        if failed.code == .notFound, let target = (try? Paths.target(ofLink: path)) ?? nil {
            return StagingError(
                .obstructed,
                "cannot open the directory \(path): it is a symbolic link to \(target), and nothing is there",
                fix: "put back what it leads to, or put the directory itself in its place")
        }
        guard failed.code == .badPath else { return failed }
        return StagingError(
            .obstructed, failed.message,
            fix: "find out what lies there, and put the directory back in its place")
    }

    /// One component that a name may be: not empty, not `.` or `..`, no `/`, no NUL, at most 255 bytes.
    package static func isComponent(_ name: String) -> Bool {
        let bytes = name.utf8
        return !bytes.isEmpty && bytes.count <= 255 && name != "." && name != ".."
            && !bytes.contains { $0 == 0x2F || $0 == 0 }
    }

    func check(_ name: String) throws(StagingError) {
        guard Self.isComponent(name) else {
            throw StagingError(.badPath, "not a file name: \(name.debugDescription)")
        }
    }

    /// Opens a directory inside this one; made 0700 when absent and `create` is set. Throws `.obstructed` for a link, or what else is
    /// no directory.
    package func subdirectory(_ name: String, create: Bool = false) throws(StagingError) -> Directory {
        try check(name)
        if create, mkdirat(descriptor, name, 0o700) != 0, errno != EEXIST {
            throw StagingError(
                errno: errno, "cannot make the directory \(path)/\(name)", at: path, to: "write")
        }
        let opened = dropgate_openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        guard opened >= 0 else { throw unopened(name, isDirectory: true, errno) }
        return Directory(descriptor: opened, path: "\(path)/\(name)")
    }

    /// Opens a directory below this one, component by component.
    package func subdirectory(_ components: [String], create: Bool = false) throws(StagingError) -> Directory
    {
        var directory = self
        for component in components { directory = try directory.subdirectory(component, create: create) }
        return directory
    }

    /// As `subdirectory` with `create`, and the names of those that had to be made are durable.
    func durable(_ components: [String]) throws(StagingError) -> Directory {
        var directory = self
        for component in components {
            if let found = try directory.existing(component) {
                directory = found
            } else {
                let made = try directory.subdirectory(component, create: true)
                try directory.sync()
                directory = made
            }
        }
        return directory
    }

    /// Opens a directory inside this one, or nil when it is absent.
    package func existing(_ name: String) throws(StagingError) -> Directory? {
        do { return try subdirectory(name) } catch  where error.code == .notFound { return nil }
    }

    /// Opens a file for reading; nothing but a regular file opens.
    package func openFile(_ name: String) throws(StagingError) -> OpenFile {
        try check(name)
        let opened = dropgate_openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0)
        guard opened >= 0 else { throw unopened(name, isDirectory: false, errno) }
        let file = OpenFile(descriptor: opened, path: "\(path)/\(name)")
        guard try file.status().isRegular else { throw notRegular(file.path) }
        return file
    }

    private func notRegular(_ place: String) -> StagingError {
        StagingError(.badPath, "\(place) is not a regular file")
    }

    /// Of a name that could not be opened. The system words a link as a loop of links, or as no directory.
    private func unopened(_ name: String, isDirectory: Bool, _ error: Int32) -> StagingError {
        let place = "\(path)/\(name)"
        // Neither a socket nor a directory that is closed to this process says of itself that it is no file.
        if !isDirectory, [ENXIO, EACCES].contains(error), let status = try? self.status(name),
            !status.isRegular
        {
            return notRegular(place)
        }
        guard [ELOOP, ENOTDIR].contains(error), let obstacle = StagingError.obstacle(at: place) else {
            return StagingError(
                errno: error, "cannot open \(isDirectory ? "the directory " : "")\(place)", at: place)
        }
        return isDirectory ? obstacle : StagingError(.badPath, obstacle.message)
    }

    /// Makes a new file, 0600. Throws `.exists` when the name is taken.
    package func createFile(_ name: String) throws(StagingError) -> OpenFile {
        try check(name)
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let opened = dropgate_openat(descriptor, name, flags, 0o600)
        guard opened >= 0 else {
            throw StagingError(errno: errno, "cannot make \(path)/\(name)", at: path, to: "write")
        }
        return OpenFile(descriptor: opened, path: "\(path)/\(name)")
    }

    /// The status of a name without following links, or nil when it is absent.
    package func status(_ name: String) throws(StagingError) -> FileStatus? {
        try check(name)
        var status = stat()
        if fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return FileStatus(status) }
        if errno == ENOENT { return nil }
        throw StagingError(errno: errno, "cannot look at \(path)/\(name)", at: path)
    }

    /// Moves a name of this directory to another one. Throws `.exists` rather than replace anything.
    package func move(_ name: String, to directory: Directory, as newName: String) throws(StagingError) {
        try check(name)
        try check(newName)
        guard dropgate_rename_noreplace(descriptor, name, directory.descriptor, newName) == 0 else {
            throw StagingError(errno: errno, "cannot move \(path)/\(name) to \(directory.path)/\(newName)")
        }
    }

    /// Moves a name of this directory to another one, replacing what is there.
    package func replace(_ name: String, to directory: Directory, as newName: String) throws(StagingError) {
        try check(name)
        try check(newName)
        guard renameat(descriptor, name, directory.descriptor, newName) == 0 else {
            throw StagingError(errno: errno, "cannot move \(path)/\(name) to \(directory.path)/\(newName)")
        }
    }

    /// Makes a name free that the gate gives to a file while it writes it: removes what a crash left, and a directory if it is empty.
    /// Throws `.obstructed` for one that is not.
    package func clear(_ name: String) throws(StagingError) {
        do throws(StagingError) {
            try remove(name)
        } catch {
            guard try status(name)?.isDirectory == true else { throw error }
            try clearDirectory(name)
        }
    }

    private func clearDirectory(_ name: String) throws(StagingError) {
        do throws(StagingError) {
            try removeDirectory(name)
        } catch {
            guard error.code == .exists else { throw error }
            throw StagingError(
                .obstructed, "\(path)/\(name) is a directory, and the gate writes a file of this name there",
                fix: "move it away")
        }
    }

    /// Removes a file; a name that is absent is not an error. Returns whether it was there.
    @discardableResult
    package func remove(_ name: String) throws(StagingError) -> Bool {
        try remove(name, flags: 0)
    }

    /// Removes an empty directory; a name that is absent is not an error. Returns whether it was there.
    @discardableResult
    package func removeDirectory(_ name: String) throws(StagingError) -> Bool {
        try remove(name, flags: AT_REMOVEDIR)
    }

    private func remove(_ name: String, flags: Int32) throws(StagingError) -> Bool {
        try check(name)
        if unlinkat(descriptor, name, flags) == 0 { return true }
        if errno == ENOENT { return false }
        throw StagingError(errno: errno, "cannot remove \(path)/\(name)")
    }

    /// The names in this directory, sorted by their bytes.
    package func names() throws(StagingError) -> [String] {
        let copy = dropgate_openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard copy >= 0 else { throw StagingError(errno: errno, "cannot list \(path)", at: path) }
        guard let stream = fdopendir(copy) else {
            let error = StagingError(errno: errno, "cannot list \(path)")
            close(copy)
            throw error
        }
        defer { closedir(stream) }
        let names: [String]
        do throws(SystemError) {
            names = try SystemCall.names(of: stream)
        } catch {
            throw StagingError(errno: error.code, "cannot list \(path)")
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Gives a name a modification time, in seconds since the epoch. What fails is left.
    func date(_ name: String, _ seconds: Int64) {
        guard Self.isComponent(name) else { return }
        let time = timespec(tv_sec: Int(seconds), tv_nsec: 0)
        _ = utimensat(descriptor, name, [time, time], AT_SYMLINK_NOFOLLOW)
    }

    /// Whether it was removed since it was opened, so that nothing lies in it, nor ever will. One that was moved is not removed. Some
    /// filesystems count no names and say so of any directory: where its name is known, `loss` tells.
    var isRemoved: Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_nlink == 0
    }

    /// What became of a directory that is open, where its name in this one means it no more.
    enum Loss { case removed, moved }

    /// nil where the name means it, or where nobody may look.
    func loss(of directory: Directory, as name: String) -> Loss? {
        var named = stat()
        var opened = stat()
        guard fstat(directory.descriptor, &opened) == 0 else { return nil }
        if fstatat(descriptor, name, &named, AT_SYMLINK_NOFOLLOW) == 0 {
            if named.st_dev == opened.st_dev && named.st_ino == opened.st_ino { return nil }
        } else if errno != ENOENT {
            return nil
        }
        return opened.st_nlink == 0 ? .removed : .moved
    }

    /// Of a directory of this one that is somewhere else now.
    func moved(_ name: String) -> StagingError {
        // Something else in its place is called what it is.
        if let obstacle = StagingError.obstacle(at: "\(path)/\(name)") { return obstacle }
        return StagingError(
            .obstructed, "\(path)/\(name) is not the directory that the gate has open: that was moved away",
            fix:
                "move it back; if it is lost for good, restart the gate, which makes an empty one where none is"
        )
    }

    /// Makes the names of this directory durable.
    package func sync() throws(StagingError) {
        guard fsync(descriptor) == 0 else { throw StagingError(errno: errno, "cannot fsync \(path)") }
    }

    /// Makes everything on this directory's filesystem durable: one call in place of one fsync a file.
    package func syncFilesystem() throws(StagingError) {
        guard dropgate_syncfs(descriptor) == 0 else {
            throw StagingError(errno: errno, "cannot sync \(path)")
        }
    }

    /// Throws unless a rename between the two directories is possible.
    func requireFilesystem(of root: Directory) throws(StagingError) {
        var mine = stat()
        var theirs = stat()
        guard fstat(descriptor, &mine) == 0, fstat(root.descriptor, &theirs) == 0 else {
            throw StagingError(errno: errno, "cannot look at \(path)")
        }
        guard mine.st_dev == theirs.st_dev else {
            throw StagingError(
                .failed,
                "\(path) is on another filesystem than \(root.path), but a release is a rename: mount the whole staging directory instead"
            )
        }
    }

    /// Free space as a process without privileges may use it.
    package func space() throws(StagingError) -> FreeSpace {
        var status = statvfs()
        guard fstatvfs(descriptor, &status) == 0 else {
            throw StagingError(errno: errno, "cannot ask for the free space of \(path)")
        }
        return FreeSpace(
            bytes: Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize)),
            // A filesystem without inode limits (btrfs) reports no inodes at all.
            inodes: status.f_files == 0 ? .max : Int64(clamping: status.f_favail))
    }
}

package struct FreeSpace: Sendable, Hashable {
    package var bytes: Int64
    package var inodes: Int64
}
