// Which group has been let in to something, written down so that it can be shut out once the settings name it no more.
import Files
import Glibc

/// A file with one line: `NAME NUMBER`, and `opening` behind it while not everything is open yet.
struct GroupRecord {
    let path: String

    struct Group: Hashable {
        let group: AccessGroup
        /// All that the group may reach has been opened to it.
        let isWhole: Bool
    }

    /// Who has been let in; nil: nobody.
    func read() throws(FileError) -> Group? {
        guard try Presence.check(path) else { return nil }
        let words = try FileReading.text(path).split(whereSeparator: \.isWhitespace)
        guard words.count == 2 || words.count == 3 && words[2] == "opening", let number = gid_t(words[1])
        else {
            throw FileError(message: "\(path) does not name a group and its number: remove it")
        }
        return Group(group: AccessGroup(formerly: String(words[0]), number), isWhole: words.count == 2)
    }

    /// Before anything is opened; and again, whole, when everything is.
    func write(_ group: AccessGroup, isWhole: Bool = true) throws(FileError) {
        let line = Array("\(group) \(group.number)\(isWhole ? "" : " opening")\n".utf8)
        if (try? FileReading.bytes(path, limit: 1 << 10)) == line { return }
        do { try FileReplacement.write(line, to: path, mode: 0o600) } catch {
            throw FileError(
                message: "cannot write \(path): \(SystemError(of: error)?.description ?? "\(error)")")
        }
    }

    /// When everything is closed again.
    func remove() throws(FileError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw FileError(message: "cannot remove \(path): \(SystemError.last)")
        }
    }

    /// Opens something to the group that the settings name, and closes it to one that they named before.
    /// - Parameters:
    ///   - name: of the group; nil: nobody is to be let in.
    ///   - open: told whether there is anything that was not opened to the group before.
    func apply(
        _ name: String?, open: (AccessGroup, _ isNew: Bool) throws(FileError) -> Void,
        close: (AccessGroup) throws(FileError) -> Void
    ) throws(FileError) {
        let former = try read()
        func shutOut(_ group: AccessGroup) throws(FileError) {
            try close(group)
            try remove()
        }
        guard let name else {
            if let former { try shutOut(former.group) }
            return
        }
        // One of this name that the system does not find now is not shut out for that.
        if let former, former.group.description != name { try shutOut(former.group) }
        let group = try AccessGroup(named: name)
        let isKnown = former?.group == group
        if let former, former.group.description == name, !isKnown { try shutOut(former.group) }
        let isWhole = isKnown && former?.isWhole == true
        if !isWhole { try write(group, isWhole: false) }
        try open(group, !isWhole)
        try write(group)
    }
}
