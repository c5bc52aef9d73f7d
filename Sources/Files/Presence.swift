// Whether a file is there. "Not there" and "may not be looked at" are two answers: stat(2) fails with EACCES for what lies in
// a directory that this process may not enter.
import Glibc

package enum Presence {
    /// Throws a `FileError` that says who may look, where this process may not.
    package static func check(_ path: String) throws(FileError) -> Bool {
        var status = stat()
        guard stat(path, &status) != 0 else { return true }
        let error = SystemError.last
        if [ENOENT, ENOTDIR].contains(error.code) { return false }
        throw FileError(message: denial(path, error))
    }

    /// Whether nothing of this name is there, not even a link that leads nowhere.
    package static func isGone(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) != 0 && errno == ENOENT
    }

    /// Whether a path leads to a directory, as far as this process can see.
    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// What keeps this process from reading a file or listing a directory: the first directory on the way that it may not enter, or the
    /// place itself. nil where nothing does, or where it is not there.
    package static func barrier(_ path: String) -> String? {
        for place in Paths.above(path).reversed() where access(place, X_OK) != 0 {
            return errno == EACCES ? place : nil
        }
        return access(path, R_OK) != 0 && errno == EACCES ? path : nil
    }

    /// "permission denied: alice may not read /x/y: run this as its owner (sudo -u dropgate), or join the group audit".
    /// - Parameters:
    ///   - action: what was to be done with it: read, write.
    ///   - error: of the call that failed; what is not about permission is told as the system words it.
    package static func denial(_ path: String, _ error: SystemError, to action: String = "read") -> String {
        guard error.isDenial else { return "cannot \(action) \(path): \(error)" }
        var text = "permission denied: \(SystemUser.own) may not \(action) \(path)"
        guard let closed = closed(path) else { return text }
        let owner = SystemUser.name(of: closed.st_uid) ?? "#\(closed.st_uid)"
        text += ": run this as its owner (sudo -u \(owner))"
        let isFolder = closed.st_mode & S_IFMT == S_IFDIR
        if action == "read", closed.st_gid != 0, closed.st_mode & (isFolder ? 0o010 : 0o040) != 0 {
            text += ", or join the group \(SystemGroup.name(of: closed.st_gid) ?? "#\(closed.st_gid)")"
        }
        return text
    }

    /// The first directory on the way that this process may not enter; else the file itself.
    private static func closed(_ path: String) -> stat? {
        var found: stat?
        for place in ([path] + Paths.above(path)).reversed() {
            var status = stat()
            guard stat(place, &status) == 0 else { break }
            found = status
            if place != path, access(place, X_OK) != 0 { break }
        }
        return found
    }
}
