// A group of the system that may read some of the gate's files, and change none: auditors. What it may not see stays closed by
// its own mode.
import CShims
package import Glibc

package struct ReadGroup: Sendable, Hashable, CustomStringConvertible {
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

    // MARK: What is there

    /// Lets the group list a directory and read the files in it that let it. New files get the group from it (2750).
    package func admit(directory path: String) throws(FileError) {
        try change(path, S_IFDIR, 0o050, S_ISGID)
    }

    /// Lets the group go through a directory to what it may read below it, and not list it (2710).
    package func pass(directory path: String) throws(FileError) {
        try change(path, S_IFDIR, 0o010, S_ISGID)
    }

    /// Lets the group read a file (0640).
    package func admit(file path: String) throws(FileError) { try change(path, S_IFREG, 0o040, 0) }

    /// Lets the group connect to a Unix socket (0660).
    package func admit(socket path: String) throws(FileError) { try change(path, S_IFSOCK, 0o060, 0) }

    /// Takes a file or directory that is this group's from it again: it is its owner's alone then, of the group that this
    /// process makes files for. What is another group's, and what is not there, is left as it is.
    package func dismiss(from path: String) throws(FileError) {
        let place = open(path, dropgate_o_path() | O_NOFOLLOW | O_CLOEXEC)
        guard place >= 0 else {
            let error = SystemError.last
            if error.code == ENOENT { return }
            throw refusal(path, error)
        }
        defer { close(place) }
        var status = stat()
        guard fstat(place, &status) == 0 else { throw refusal(path, .last) }
        guard holds(status), [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else { return }
        guard chmod("/proc/self/fd/\(place)", status.st_mode & 0o700) == 0,
            dropgate_chgrp(place, getegid()) == 0
        else {
            let error = SystemError.last
            throw FileError(
                message:
                    "the group \(name) cannot be shut out of \(path): \(error); run this as the gate's user: "
                    + "chgrp $(id -g) \(path) && chmod g-rwxs \(path)")
        }
    }

    // MARK: What is made

    /// As `admit(file:)`, for a file that is being written: it must not fail for that, so what is refused is left as it is.
    /// Whoever starts a gate says what is wrong (`admit(directory:)`).
    package func admit(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return }
        if status.st_gid != number, fchown(descriptor, uid_t.max, number) != 0 { return }
        _ = fchmod(descriptor, status.st_mode & 0o700 | 0o040)
    }

    /// Gives a place of this kind to the group, with `rights` for it and none for others. What is so already is left alone. A
    /// link is refused, and so is what is not there.
    ///
    /// It is not opened (O_PATH): to close a file takes away the locks that this process has on it (fcntl(2)), SQLite's too.
    private func change(
        _ path: String, _ kind: mode_t, _ rights: mode_t, _ special: mode_t
    ) throws(FileError) {
        let place = open(path, dropgate_o_path() | O_NOFOLLOW | O_CLOEXEC)
        guard place >= 0 else { throw refusal(path, .last) }
        defer { close(place) }
        var status = stat()
        guard fstat(place, &status) == 0 else { throw refusal(path, .last) }
        guard status.st_mode & S_IFMT == kind else { throw refusal(path, SystemError(EINVAL)) }
        let plain = status.st_mode & 0o700 | rights
        let mode = plain | special
        guard !holds(status) || status.st_mode & 0o7777 != mode else { return }
        if !holds(status), dropgate_chgrp(place, number) != 0 { throw refusal(path, .last) }
        let file = "/proc/self/fd/\(place)"
        // A service that may set no such bit (RestrictSUIDSGID) gives each file to the group by itself.
        guard chmod(file, mode) == 0 || special != 0 && chmod(file, plain) == 0 else {
            throw refusal(path, .last)
        }
    }

    private func refusal(_ path: String, _ error: SystemError) -> FileError {
        FileError(
            message:
                "the group \(name) cannot be let in to \(path): \(error); run `dropgate init` as root, or put the gate's "
                + "user into the group and restart the gate")
    }
}
