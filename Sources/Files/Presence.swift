// Whether a file is there. "Not there" and "may not be looked at" are two answers: stat(2) fails with EACCES for what lies in
// a directory that this process may not enter.
import CShims
package import Glibc

package enum Presence {
    /// Throws a `FileError` that says who may look, where this process may not.
    package static func check(_ path: String) throws(FileError) -> Bool {
        var status = stat()
        guard stat(path, &status) != 0 else { return true }
        let error = SystemError.last
        if [ENOENT, ENOTDIR].contains(error.code) { return false }
        throw FileError("read", path, error)
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

    /// What a path leads to where that is no regular file: "a directory", "a named pipe". nil for a file, and for what cannot be seen.
    package static func otherThanFile(_ path: String) -> String? {
        var status = stat()
        return stat(path, &status) == 0 ? otherThanFile(status) : nil
    }

    /// The same of what was opened.
    package static func otherThanFile(_ descriptor: Int32) -> String? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? otherThanFile(status) : nil
    }

    private static func otherThanFile(_ status: stat) -> String? {
        switch status.st_mode & S_IFMT {
        case S_IFREG: return nil
        case S_IFDIR: return "a directory"
        case S_IFIFO: return "a named pipe"
        case S_IFSOCK: return "a socket"
        default: return "a device"
        }
    }

    /// Whether an access control list says who may use what a path leads to (acl(5)), and not its mode alone.
    package static func hasAccessList(_ path: String) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        return dropgate_getxattr(path, AccessList.attribute, &bytes, bytes.count) > 0 || errno == ERANGE
    }

    /// The device that holds what a path leads to (stat(2)); nil where that cannot be seen.
    package static func device(of path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_dev) : nil
    }

    /// Who owns what a path leads to; nil where that cannot be seen.
    package static func owner(of path: String) -> uid_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_uid : nil
    }

    /// What keeps this process from reading a file or listing a directory: the first directory on the way that it may not enter, or the
    /// place itself; nil where nothing does, or it is not there.
    package static func barrier(_ path: String) -> String? {
        for place in Paths.above(path).reversed() where access(place, X_OK) != 0 {
            return errno == EACCES ? place : nil
        }
        return access(path, R_OK) != 0 && errno == EACCES ? path : nil
    }
}
