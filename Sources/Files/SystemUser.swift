// Names of users and groups, as the system knows them. Looking one up may ask a directory service: it blocks.
package import Glibc

package enum SystemUser {
    /// Of this process, or its number where the system knows no name.
    package static var own: String { name(of: geteuid()) ?? "\(geteuid())" }

    /// nil where the system knows none. It is not made printable.
    package static func name(of user: uid_t) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil,
            let name = entry.pw_name
        else { return nil }
        return String(cString: name)
    }

    /// All groups of a user, its own one among them; none where the system knows no such user.
    package static func groups(of user: uid_t) -> Set<gid_t> {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil,
            let name = entry.pw_name
        else { return [] }
        // The name lies in it.
        defer { withExtendedLifetime(buffer) {} }
        // With too little room it says how many there are (getgrouplist(3)).
        var count: Int32 = 64
        for _ in 0..<2 {
            var groups = [gid_t](repeating: 0, count: Int(count))
            if getgrouplist(name, entry.pw_gid, &groups, &count) >= 0 {
                return Set(groups.prefix(Int(count)))
            }
        }
        return [entry.pw_gid]
    }
}

package enum SystemGroup {
    package static func name(of group: gid_t) -> String? {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 65536)
        guard getgrgid_r(group, &entry, &buffer, buffer.count, &found) == 0, found != nil,
            let name = entry.gr_name
        else { return nil }
        return String(cString: name)
    }

    /// The number of a group; nil where there is none of this name.
    package static func number(of name: String) -> gid_t? {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 65536)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.gr_gid
    }
}
