// Whether a file may decide for the gate. Settings, source lists and accounts say who is let in: whoever can write one of
// them, or put another in its place, lets in whom they like.
import CShims
import Glibc

package enum FileTrust {
    /// What stat(2) says of a file or a directory, and its access control list, as far as they count here.
    struct Facts: Sendable, Hashable {
        var owner: uid_t
        var group: gid_t
        var mode: mode_t
        /// Where there is one the mode's bits of the group are the most that it gives to anybody (acl(5)).
        var list: AccessList?
        /// There is a list, and it cannot be read.
        var isListUnknown = false

        init(owner: uid_t, group: gid_t, mode: mode_t, list: AccessList? = nil) {
            self.owner = owner
            self.group = group
            self.mode = mode
            self.list = list
        }

        /// - Parameter place: where this status is from.
        init(_ status: stat, at place: String) {
            self.init(owner: status.st_uid, group: status.st_gid, mode: status.st_mode)
            // A list that gives nothing to anybody says nothing.
            guard status.st_mode & 0o070 != 0 else { return }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = dropgate_getxattr(place, AccessList.attribute, &bytes, bytes.count)
            if count > 0 { list = AccessList(parsing: Array(bytes[..<count])) }
            // Neither without a list nor on a filesystem that could have one.
            isListUnknown = count > 0 ? list == nil : ![ENODATA, EOPNOTSUPP, ENOSYS].contains(errno)
        }

        /// What the group of the file may do.
        var groupBits: mode_t { list.map { mode_t($0.group) } ?? mode >> 3 & 7 }

        /// Who else may do one of these things by the list, neither root nor the gate, and what takes it from them.
        func others(_ permissions: UInt16, _ judge: Judge) -> (name: String, fix: String)? {
            guard let list else { return nil }
            func first(_ rights: [UInt32: UInt16], but own: UInt32) -> UInt32? {
                rights.filter { $0.value & permissions != 0 && ![0, own].contains($0.key) }.keys.min()
            }
            if let user = first(list.users, but: judge.user) {
                return (FileTrust.user(user), "setfacl -x u:\(user)")
            }
            return first(list.groups, but: judge.group).map { (FileTrust.group($0), "setfacl -x g:\($0)") }
        }
    }

    /// Who judges: the gate's user and group. Root reads for whoever's gate it is, so it judges modes alone.
    struct Judge: Sendable, Hashable {
        var user: uid_t
        var group: gid_t

        static var current: Judge { Judge(user: geteuid(), group: getegid()) }
    }

    /// Throws why this file is not to be believed, with what mends it. What counts is the file that is read and every
    /// directory on the way to it, and to each link on that way: who can write one of them can put another file in its
    /// place. What is not there is not judged.
    package static func check(_ path: String) throws(FileError) {
        for place in try places(of: path) {
            var status = stat()
            guard stat(place, &status) == 0 else { continue }
            guard let fault = fault(Facts(status, at: place), .current) else { continue }
            // Callers say of which file they speak.
            let what = place == path ? "it" : "\(place), which leads to it,"
            throw FileError(message: "\(what) \(fault.what)", fix: "\(fault.fix) \(place)")
        }
    }

    /// As many links as the system follows (path_resolution(7)).
    private static let mostLinks = 40

    /// The file, the directories above it, and what each link among them leads to, with the directories above that.
    private static func places(of path: String) throws(FileError) -> [String] {
        var (places, links) = ([path], 0)
        var next = 0
        func add(_ place: String) { if !places.contains(place) { places.append(place) } }
        while next < places.count {
            let place = places[next]
            next += 1
            let directory = Paths.directory(of: place)
            add(directory)
            do throws(SystemError) {
                guard let target = try Paths.target(ofLink: place) else { continue }
                links += 1
                // Reading it says so.
                if links > mostLinks { break }
                add(target.hasPrefix("/") ? target : directory + "/" + target)
            } catch {
                throw FileError(
                    message: "\(place) is a link whose target cannot be checked (\(error))",
                    fix: "make the link again")
            }
        }
        return places
    }

    /// How a secret is open to more than `readers`, for the end of "FILE …"; nil when it is not.
    static func exposure(
        _ facts: Facts, _ readers: FileReading.Readers, _ judge: Judge
    ) -> (what: String, fix: String)? {
        let mode = "(mode 0\(String(facts.mode & 0o777, radix: 8)))"
        switch readers {
        case .anybody: return nil
        case .nobody:
            // The bits of the group are what a list gives at most: without them it gives nothing.
            return facts.mode & 0o077 == 0 ? nil : ("can be read by others \(mode)", "chmod 600")
        case .group:
            guard facts.mode & 0o007 == 0 else {
                // With a list the bits of the group are what it gives, to the gate perhaps.
                return ("can be read by others \(mode)", facts.list == nil ? "chmod 600" : "chmod o-rwx")
            }
            guard judge.user != 0 else { return nil }
            if facts.isListUnknown { return unknownList }
            if let other = facts.others(4, judge) {
                return ("can be read by \(other.name)\(byList)", other.fix)
            }
            return facts.groupBits != 0 && ![0, judge.group].contains(facts.group)
                ? ("can be read by \(group(facts.group)), which is not the gate's \(mode)", "chmod 600")
                : nil
        }
    }

    private static let unknownList: (what: String, fix: String) = (
        "has an access control list that cannot be read", "setfacl -b"
    )
    private static let byList = ", by its access control list"

    /// By their names, where the system knows one.
    private static func user(_ number: uid_t) -> String {
        "the user \(SystemUser.name(of: number) ?? "\(number)")"
    }

    private static func group(_ number: gid_t) -> String {
        "the group \(SystemGroup.name(of: number) ?? "\(number)")"
    }

    static func fault(_ facts: Facts, _ judge: Judge) -> (what: String, fix: String)? {
        // In a directory with the sticky bit nobody can take away or replace what is another's (/tmp).
        let isSticky = facts.mode & S_IFMT == S_IFDIR && facts.mode & S_ISVTX != 0
        if facts.mode & 0o002 != 0, !isSticky { return ("can be written by everybody", "chmod o-w") }
        guard judge.user != 0 else { return nil }
        guard [0, judge.user].contains(facts.owner) else {
            return ("belongs to \(user(facts.owner)), who is neither root nor the gate's", "chown root")
        }
        if isSticky { return nil }
        if facts.isListUnknown { return unknownList }
        if let other = facts.others(2, judge) {
            return ("can be written by \(other.name)\(byList)", other.fix)
        }
        if facts.groupBits & 0o2 != 0, ![0, judge.group].contains(facts.group) {
            return ("can be written by \(group(facts.group)), which is not the gate's", "chmod g-w")
        }
        return nil
    }
}
