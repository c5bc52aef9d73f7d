// What lets somebody in whom the system has refused, in words and commands: whose a file is to be, and with which rights. It looks at
// owners and modes, and changes none.
package import Glibc

package enum AccessAdvice {
    /// "permission denied: alice may not read /x/y: run this as its owner (sudo -u dropgate), or join the group audit".
    /// - Parameters:
    ///   - action: what was to be done with it: read, write.
    ///   - error: of the call that failed; what is not about permission is told as the system words it.
    package static func denial(_ path: String, _ error: SystemError, to action: String = "read") -> String {
        guard error.isDenial else { return "cannot \(action) \(path): \(error)" }
        let text = refusal(of: path, to: action)
        return remedy(path, to: action).map { "\(text): \($0)" } ?? text
    }

    /// "permission denied: alice may not read /x/y".
    static func refusal(of path: String, to action: String = "read") -> String {
        "permission denied: \(SystemUser.own) may not \(action) \(path)"
    }

    /// What lets somebody in where this process was refused: "run this as its owner (sudo -u dropgate), or join the group audit". nil
    /// where that cannot be seen. Nobody is told to run the gate as root.
    /// - Parameter action: as of `denial`.
    package static func remedy(_ path: String, to action: String = "read") -> String? {
        guard let (place, status) = closed(path) else { return nil }
        let kind = status.st_mode & S_IFMT
        if status.st_uid == geteuid() {
            return isClosedByMode(place, kind, to: action) ? opening(place) : nil
        }
        if let advice = ofRootsElsewhere(place, kind, of: status.st_uid) { return advice }
        if status.st_uid == 0 { return ofRoots(place == path ? "it" : place, status, to: action) }
        let owner = SystemUser.name(of: status.st_uid) ?? "#\(status.st_uid)"
        let text = "run this as its owner (sudo -u \(owner))"
        guard action == "read", let group = readers(status) else { return text }
        return "\(text), or join the group \(group)"
    }

    // MARK: Commands

    /// The command by which an owner may read and write what is its own: "chmod u+rwX /x/y".
    /// - Parameter withContents: what lies in a directory, too.
    package static func opening(_ path: String, withContents: Bool = false) -> String {
        "chmod \(withContents && Presence.isDirectory(path) ? "-R " : "")u+rwX \(path)"
    }

    /// The command by which something gets the owner that it is to have: "chown -R dropgate /x/y". The group stays as it is: that of the
    /// directory above may have been let in to the ledger alone, and would get patients' files and keys with it.
    package static func handover(_ path: String, to user: uid_t) -> String {
        let name = SystemUser.name(of: user) ?? "\(user)"
        return "chown \(Presence.isDirectory(path) ? "-R " : "")\(name) \(path)"
    }

    /// Of what is another user's and is to be the gate's: "give it to the gate's user: chown -R dropgate /x/y".
    /// - Parameter user: the gate's.
    package static func handoverToGate(_ path: String, _ user: uid_t) -> String {
        "give it to the gate's user: \(handover(path, to: user))"
    }

    // MARK: Who may

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

    /// Of what root has copied into another user's directory, or made there by hand: to be root is no remedy for that user. nil for
    /// anything else.
    private static func ofRootsElsewhere(_ place: String, _ kind: mode_t, of owner: uid_t) -> String? {
        guard owner == 0, [S_IFREG, S_IFDIR].contains(kind),
            let home = Paths.above(place).first(where: { Presence.owner(of: $0).map { $0 != 0 } ?? false }),
            let user = Presence.owner(of: home)
        else { return nil }
        return
            "it belongs to root; give it to \(SystemUser.name(of: user) ?? "#\(user)"), whose directory it lies in "
            + "(\(handover(place, to: user)))"
    }

    /// Whether the mode of what is this process's own keeps it out; else something other does.
    private static func isClosedByMode(_ place: String, _ kind: mode_t, to action: String) -> Bool {
        access(place, action == "read" ? R_OK : W_OK) != 0 || kind == S_IFDIR && access(place, X_OK) != 0
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
