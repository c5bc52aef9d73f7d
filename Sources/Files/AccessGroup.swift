// A group of the system that may reach some of the gate's files: auditors, consumers. What it may not see stays closed by its own
// mode.
import CShims
package import Glibc

package struct AccessGroup: Sendable, Hashable, CustomStringConvertible {
    /// What its members may do with what is in a directory.
    package enum Right: mode_t, Sendable {
        /// Go through it to what they may read below it, and not list it.
        case pass = 0o010
        /// List it and read files.
        case read = 0o050
        /// And move files out of it, which also is to put files there.
        case take = 0o070
    }

    private let name: String
    package let number: gid_t

    package var description: String { name }

    /// Throws where the system knows no group of this name.
    package init(named name: String) throws(FileError) {
        guard let number = SystemGroup.number(of: name) else {
            throw FileError(message: "there is no group \(name): addgroup --system \(name)")
        }
        self.name = name
        self.number = number
    }

    /// A group that had been let in, whether or not the system still knows it.
    package init(formerly name: String, _ number: gid_t) {
        self.name = name
        self.number = number
    }

    /// Whether this is the group of a file or directory.
    package func holds(_ status: stat) -> Bool { status.st_gid == number }

    /// Whether this is the group of the directory at a path; false where there is none.
    package func holds(directory path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && holds(status)
    }

    // MARK: What is there

    /// Gives a directory to the group.
    /// - Parameter isSticky: what lies in it can only be moved or removed by its owner. Otherwise new files get the group from the
    ///   directory (setgid).
    package func admit(
        directory path: String, to right: Right = .read, isSticky: Bool = false
    ) throws(FileError) {
        try change(path, S_IFDIR, right.rawValue, isSticky ? S_ISVTX : S_ISGID)
    }

    /// Lets the group read a file (0640).
    package func admit(file path: String) throws(FileError) { try change(path, S_IFREG, 0o040, 0) }

    /// Lets the group connect to a Unix socket (0660).
    package func admit(socket path: String) throws(FileError) { try change(path, S_IFSOCK, 0o060, 0) }

    /// Takes a file or directory that is this group's from it again: it is its owner's alone then, of the group that this
    /// process makes files for. What is another group's, and what is not there, is left as it is.
    package func dismiss(from path: String) throws(FileError) {
        guard let place = try Place.open(path, for: self) else { return }
        guard holds(place.status), [S_IFREG, S_IFDIR].contains(place.kind) else { return }
        var list = place.list
        (list.group, list.others) = (0, 0)
        guard chmod(place.file, list.mode) == 0, place.write(list),
            dropgate_chgrp(place.descriptor, getegid()) == 0
        else {
            let error = SystemError.last
            throw FileError(
                message:
                    "the group \(name) cannot be shut out of \(path): \(error); run this as the gate's user: "
                    + "chgrp $(id -g) \(path) && chmod g-rwxs \(path)")
        }
    }

    /// Gives a place of this kind to the group, with `rights` for it and none for others. What is so already is left alone. A
    /// link is refused, and so is what is not there.
    private func change(
        _ path: String, _ kind: mode_t, _ rights: mode_t, _ special: mode_t
    ) throws(FileError) {
        guard let place = try Place.open(path, for: self) else { throw refusal(path, SystemError(ENOENT)) }
        guard place.kind == kind else { throw refusal(path, SystemError(EINVAL)) }
        var list = place.list
        (list.group, list.others) = (UInt16(rights >> 3), 0)
        guard !holds(place.status) || list != place.list || place.status.st_mode & special != special else {
            return
        }
        if !holds(place.status), dropgate_chgrp(place.descriptor, number) != 0 { throw refusal(path, .last) }
        // A service that may set no such bit (RestrictSUIDSGID) gives each file to the group by itself.
        guard
            chmod(place.file, list.mode | special) == 0 || special != 0 && chmod(place.file, list.mode) == 0,
            place.write(list)
        else { throw refusal(path, .last) }
    }

    // MARK: Through what is another group's

    /// Lets the group go through a directory, whosever group it is, to what it may reach below (an entry of the directory's access
    /// control list).
    package func pass(through path: String) throws(FileError) {
        guard let place = try Place.open(path, for: self) else { throw refusal(path, SystemError(ENOENT)) }
        guard place.kind == S_IFDIR else { throw refusal(path, SystemError(ENOTDIR)) }
        var list = place.list
        list.groups[number] = UInt16(Right.pass.rawValue >> 3)
        guard list != place.list else { return }
        guard place.write(list) else {
            guard errno == EOPNOTSUPP else { throw refusal(path, .last) }
            throw FileError(
                message:
                    "the group \(name) cannot be let through \(path): its filesystem has no access control lists; move what "
                    + "the group needs out of it")
        }
    }

    /// Undoes `pass(through:)`. What is not there is left alone.
    package func endPassing(through path: String) throws(FileError) {
        guard let place = try Place.open(path, for: self), place.list.groups[number] != nil else { return }
        var list = place.list
        list.groups[number] = nil
        guard place.write(list, evenPlain: true) else {
            throw FileError(
                message:
                    "the group \(name) cannot be shut out of \(path): \(SystemError.last); run this as the gate's "
                    + "user: setfacl -x g:\(number) \(path)")
        }
    }

    // MARK: Who may

    /// Whether members of a group may go through a directory, as that or as anybody; false where it cannot be seen.
    package static func isOpen(_ path: String, to group: AccessGroup) -> Bool {
        guard let place = try? Place.open(path, for: group) else { return false }
        let rights = place.rights
        // Who is of a group that is named gets nothing from what others may (acl(5)).
        return (rights[group.number] ?? place.list.others) & 1 != 0
    }

    /// Whether nobody but a file's or directory's owner and some groups may do anything with it, and those no more than `rights`
    /// (a mode's three bits). False where it cannot be seen.
    package static func isOpen(_ path: String, onlyTo groups: Set<gid_t>, _ rights: UInt16) -> Bool {
        guard let place = try? Place.open(path, for: AccessGroup(formerly: "", 0)) else { return false }
        return place.list.others == 0 && place.list.users.values.allSatisfy { $0 == 0 }
            && place.rights.allSatisfy { $0.value == 0 || groups.contains($0.key) && $0.value & ~rights == 0 }
    }

    // MARK: What is made

    /// As `admit(file:)`, for a file that is being written: it must not fail for that, so what is refused is left as it is.
    /// Whoever starts a gate says what is wrong (`admit(directory:)`).
    package func admit(_ descriptor: Int32) { admit(descriptor, 0o040) }

    /// As `admit(directory:to:)`, of an open directory, and as for a file that is being written.
    package func admit(directory descriptor: Int32, to right: Right) {
        admit(descriptor, right.rawValue)
    }

    /// As `dismiss(from:)`, of an open file or directory; what is refused is left as it is.
    package func dismiss(from descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, holds(status) else { return }
        _ = fchmod(descriptor, status.st_mode & 0o700)
        _ = fchown(descriptor, uid_t.max, getegid())
    }

    private func admit(_ descriptor: Int32, _ rights: mode_t) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return }
        let mode = status.st_mode & 0o700 | rights
        if holds(status), status.st_mode & 0o777 == mode { return }
        if !holds(status), fchown(descriptor, uid_t.max, number) != 0 { return }
        // To inherit the bit is allowed where to set it is not; who sets the other bits then loses it.
        if status.st_mode & S_IFMT == S_IFDIR, fchmod(descriptor, mode | S_ISGID) == 0 { return }
        _ = fchmod(descriptor, mode)
    }

    fileprivate func refusal(_ path: String, _ error: SystemError) -> FileError {
        FileError(
            message:
                "the group \(name) cannot be let in to \(path): \(error); run `dropgate init` as root, or put the gate's "
                + "user into the group and restart the gate")
    }
}

/// A file or directory whose rights are looked at and changed. Closes itself.
///
/// It is not opened (O_PATH): to close a file takes away the locks that this process has on it (fcntl(2)), SQLite's too.
private final class Place {
    let descriptor: Int32
    let status: stat
    let list: AccessList

    var kind: mode_t { status.st_mode & S_IFMT }
    /// Of each group that is named.
    var rights: [gid_t: UInt16] {
        var rights = list.groups
        rights[status.st_gid, default: 0] |= list.group
        return rights
    }

    /// Its path for calls that take no such descriptor.
    var file: String { "/proc/self/fd/\(descriptor)" }

    private init(_ descriptor: Int32) throws(SystemError) {
        var status = stat()
        let isKnown = fstat(descriptor, &status) == 0
        (self.descriptor, self.status) = (descriptor, status)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let file = "/proc/self/fd/\(descriptor)"
        let count = dropgate_getxattr(file, AccessList.attribute, &bytes, bytes.count)
        // Neither a list nor a filesystem that could have one.
        let plain = AccessList(mode: status.st_mode)
        let read = count > 0 ? AccessList(parsing: Array(bytes[..<count])) : plain
        list = read ?? plain
        guard isKnown, read != nil else { throw SystemError(isKnown ? EEXIST : errno) }
    }

    /// nil where nothing is there. Links are refused.
    static func open(_ path: String, for group: AccessGroup) throws(FileError) -> Place? {
        let descriptor = Glibc.open(path, dropgate_o_path() | O_NOFOLLOW | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return nil }
        do throws(SystemError) {
            guard descriptor >= 0 else { throw .last }
            return try Place(descriptor)
        } catch {
            guard error.code == EEXIST else { throw group.refusal(path, error) }
            throw FileError(
                message:
                    "the access control list of \(path) is not one that could be read; `setfacl -b \(path)` "
                    + "removes it, then restart the gate")
        }
    }

    deinit { close(descriptor) }

    /// Returns whether it succeeded (errno). What a mode can say is not written as a list, but to end one.
    func write(_ new: AccessList, evenPlain: Bool = false) -> Bool {
        if new.isPlain, !evenPlain { return true }
        let bytes = new.bytes
        return dropgate_setxattr(file, AccessList.attribute, bytes, bytes.count) == 0
    }
}
