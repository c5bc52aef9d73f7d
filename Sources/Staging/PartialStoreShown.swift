// Released files as their sender still sees them: clients check a size after CLOSE, set times, rename and
// remove, and some of them (rclone) do so over another connection than the one that sent the file. Under tree/
// each such file is an empty mark: a hole of the file's size with its time. Nothing here touches what is
// released.
import CShims
import Glibc

extension PartialStore {
    /// Joins the sessions that see the account's marks now. The first one removes what earlier ones left.
    package func joinView() throws(StagingError) {
        let name = "view.lock"
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC
        let descriptor = dropgate_openat(incoming.descriptor, name, flags, 0o600)
        guard descriptor >= 0 else {
            throw StagingError(errno: errno, "cannot open \(incoming.path)/\(name)")
        }
        view = OpenFile(descriptor: descriptor, path: "\(incoming.path)/\(name)")
        try forgetShownIfAlone()
        while flock(descriptor, LOCK_SH) != 0 {
            guard errno == EINTR else {
                throw StagingError(errno: errno, "cannot lock \(incoming.path)/\(name)")
            }
        }
    }

    /// The last session to leave removes the marks.
    package func leaveView() throws(StagingError) {
        try forgetShownIfAlone()
        view = nil
    }

    private func forgetShownIfAlone() throws(StagingError) {
        guard let view, flock(view.descriptor, LOCK_EX | LOCK_NB) == 0 else { return }
        try forget(in: tree, changedBefore: .max)
    }

    /// Removes marks that were last changed before a time, in seconds since the epoch, so that sessions without
    /// an end do not gather them for ever.
    package func forgetShown(changedBefore seconds: Int64) throws(StagingError) {
        try forget(in: tree, changedBefore: seconds)
    }

    private func forget(in directory: Directory, changedBefore limit: Int64) throws(StagingError) {
        for name in try directory.names() {
            var status = stat()
            guard fstatat(directory.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                try forget(in: directory.subdirectory(name), changedBefore: limit)
            } else if Int64(status.st_ctim.tv_sec) < limit {
                try directory.remove(name)
            }
        }
    }

    /// Size in bytes and modification time in seconds of a released file that shows; nil when none does.
    package func shown(_ path: String) throws(StagingError) -> (bytes: Int64, modified: Int64)? {
        do throws(StagingError) {
            let (parent, name) = try place(path)
            guard let status = try parent.status(name), status.isRegular else { return nil }
            return (status.bytes, status.modified)
        } catch {
            if error.code == .notFound || error.code == .badPath { return nil }
            throw error
        }
    }

    /// The released files that show directly in a directory.
    package func shown(in path: String) throws(StagingError) -> [(
        name: String, bytes: Int64, modified: Int64
    )] {
        let directory = try tree.subdirectory(Self.components(path))
        var found: [(name: String, bytes: Int64, modified: Int64)] = []
        for name in try directory.names() {
            guard let status = try directory.status(name), status.isRegular else { continue }
            found.append((name, status.bytes, status.modified))
        }
        return found
    }

    /// Marks a file as released. It takes the place of an earlier mark of the path.
    package func show(_ path: String, bytes: Int64, modified: Int64?) throws(StagingError) {
        let (parent, name) = try place(path)
        let mark = try openMark(parent, name, O_CREAT | O_TRUNC)
        guard ftruncate(mark.descriptor, off_t(bytes)) == 0 else {
            throw StagingError(errno: errno, "cannot set the length of \(mark.path)")
        }
        if let modified { try setTime(mark, modified) }
    }

    package func setShownTime(_ path: String, modified: Int64) throws(StagingError) {
        let (parent, name) = try place(path)
        try setTime(openMark(parent, name, 0), modified)
    }

    /// - Returns: whether it showed.
    @discardableResult
    package func hide(_ path: String) throws(StagingError) -> Bool {
        guard try shown(path) != nil else { return false }
        let (parent, name) = try place(path)
        return try parent.remove(name)
    }

    /// The new name must not be a directory; a mark there gives way.
    package func renameShown(_ path: String, to newPath: String) throws(StagingError) {
        let (from, name) = try place(path)
        let (to, newName) = try place(newPath)
        try from.replace(name, to: to, as: newName)
    }

    private func openMark(_ directory: Directory, _ name: String, _ flags: Int32) throws(StagingError)
        -> OpenFile
    {
        let opened = dropgate_openat(
            directory.descriptor, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, 0o600)
        guard opened >= 0 else { throw StagingError(errno: errno, "cannot open \(directory.path)/\(name)") }
        return OpenFile(descriptor: opened, path: "\(directory.path)/\(name)")
    }

    private func setTime(_ mark: OpenFile, _ seconds: Int64) throws(StagingError) {
        let time = timespec(tv_sec: Int(seconds), tv_nsec: 0)
        guard futimens(mark.descriptor, [time, time]) == 0 else {
            throw StagingError(errno: errno, "cannot set the time of \(mark.path)")
        }
    }
}
