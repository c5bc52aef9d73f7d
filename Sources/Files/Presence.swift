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
        guard stat(path, &status) == 0 else { return nil }
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

    /// "permission denied: alice may not read /x/y: run this as its owner (sudo -u dropgate), or join the group audit".
    /// - Parameters:
    ///   - action: what was to be done with it: read, write.
    ///   - error: of the call that failed; what is not about permission is told as the system words it.
    package static func denial(_ path: String, _ error: SystemError, to action: String = "read") -> String {
        guard error.isDenial else { return "cannot \(action) \(path): \(error)" }
        let text = "permission denied: \(SystemUser.own) may not \(action) \(path)"
        return remedy(path, to: action).map { "\(text): \($0)" } ?? text
    }

    /// What lets somebody in where this process was refused: "run this as its owner (sudo -u dropgate), or join the group audit". nil
    /// where that cannot be seen. Nobody is told to run the gate as root.
    /// - Parameter action: as of `denial`.
    package static func remedy(_ path: String, to action: String = "read") -> String? {
        guard let (place, status) = closed(path) else { return nil }
        let kind = status.st_mode & S_IFMT
        if status.st_uid == geteuid() { return opening(place, kind, to: action) }
        if let gift = gift(place, kind, of: status.st_uid) { return gift }
        if status.st_uid == 0 { return ofRoots(place == path ? "it" : place, status, to: action) }
        let owner = SystemUser.name(of: status.st_uid) ?? "#\(status.st_uid)"
        let text = "run this as its owner (sudo -u \(owner))"
        guard action == "read", let group = readers(status) else { return text }
        return "\(text), or join the group \(group)"
    }

    /// The group, which is not root's, that may read a file or go through a directory; nil where none may.
    private static func readers(_ status: stat) -> String? {
        let right: mode_t = status.st_mode & S_IFMT == S_IFDIR ? 0o010 : 0o040
        guard status.st_gid != 0, status.st_mode & right != 0 else { return nil }
        return SystemGroup.name(of: status.st_gid) ?? "#\(status.st_gid)"
    }

    /// Of what is root's, and is to stay so: settings, lists and accounts, or a key that other programs use, too.
    /// - Parameter what: it, or the directory that leads to it.
    private static func ofRoots(_ what: String, _ status: stat, to action: String) -> String {
        switch action {
        case "read":
            if let group = readers(status) { return "join the group \(group), or run this as a user of it" }
            let rights = status.st_mode & S_IFMT == S_IFDIR ? "g+rx" : "g+r"
            return
                "the gate's user must be able to read \(what): as root, chgrp \(what) to a group of that user, and chmod \(rights) \(what)"
        case "write": return "run this as root, unless it is the gate: that needs a place of its own user's"
        default: return "run this as root"
        }
    }

    /// Of what is this process's own and closed by its mode; nil where something else keeps it out.
    private static func opening(_ place: String, _ kind: mode_t, to action: String) -> String? {
        let isClosed =
            access(place, action == "read" ? R_OK : W_OK) != 0 || kind == S_IFDIR && access(place, X_OK) != 0
        return isClosed ? "chmod u+rwX \(place)" : nil
    }

    /// Of what root has copied into another user's directory, or made there by hand: to be root is no remedy for that user. nil for
    /// anything else.
    private static func gift(_ place: String, _ kind: mode_t, of owner: uid_t) -> String? {
        guard owner == 0, [S_IFREG, S_IFDIR].contains(kind),
            let home = Paths.above(place).first(where: { Self.owner(of: $0).map { $0 != 0 } ?? false }),
            let user = Self.owner(of: home)
        else { return nil }
        return
            "it belongs to root; give it to \(SystemUser.name(of: user) ?? "#\(user)"), whose directory it lies in "
            + "(\(handover(place, to: user)))"
    }

    /// The command by which something gets the owner that it is to have: "chown -R dropgate /x/y". The group stays as it is: that of the
    /// directory above may have been let in to the ledger alone, and would get patients' files and keys with it.
    package static func handover(_ path: String, to user: uid_t) -> String {
        let name = SystemUser.name(of: user) ?? "\(user)"
        return "chown \(isDirectory(path) ? "-R " : "")\(name) \(path)"
    }

    /// What to say of a file that this process may not read because it is root's, and that is to be the gate's; nil for any other.
    /// - Parameter home: a directory of the gate's user.
    package static func gift(_ path: String, to home: String) -> FileError? {
        guard barrier(path) == path, owner(of: path) == 0, let user = owner(of: home), user != 0,
            !isDirectory(path)
        else { return nil }
        return FileError(ofRoots: path, giveTo: user)
    }

    /// The first directory on the way that this process may not enter; else the file itself, or the last directory that is there.
    private static func closed(_ path: String) -> (place: String, status: stat)? {
        var found: (place: String, status: stat)?
        for place in ([path] + Paths.above(path)).reversed() {
            var status = stat()
            guard stat(place, &status) == 0 else { break }
            found = (place, status)
            if place != path, access(place, X_OK) != 0 { break }
        }
        return found
    }
}
