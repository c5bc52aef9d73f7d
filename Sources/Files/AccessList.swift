// The access control list of a file or directory (acl(5)), as Linux stores it in the attribute `system.posix_acl_access`. Pure.
package import Glibc

/// What a file's owner, its group, other users and groups by their numbers, and all others may do.
/// Permissions are three bits, as in a mode: 4 read, 2 write, 1 execute.
package struct AccessList: Sendable, Hashable {
    /// Where Linux keeps it (xattr(7)).
    package static let attribute = "system.posix_acl_access"

    package var owner: UInt16
    package var group: UInt16
    package var others: UInt16
    /// Of users and groups that need not be the file's own.
    package var users: [uid_t: UInt16] = [:]
    package var groups: [gid_t: UInt16] = [:]

    /// What a mode says.
    package init(mode: mode_t) {
        owner = UInt16(mode >> 6 & 7)
        group = UInt16(mode >> 3 & 7)
        others = UInt16(mode & 7)
    }

    /// The mode's nine bits are enough to say it.
    package var isPlain: Bool { users.isEmpty && groups.isEmpty }

    /// The most that all but the owner and others may do; in a mode these are the group's bits (acl(5), "Correspondence").
    private var mask: UInt16 { users.values.reduce(groups.values.reduce(group, |), |) }

    package var mode: mode_t { mode_t(owner) << 6 | mode_t(mask) << 3 | mode_t(others) }

    // MARK: The attribute's bytes (linux/posix_acl_xattr.h)

    private static let version: UInt32 = 2
    private static let nobody = UInt32.max

    private enum Tag: UInt16 {
        case owner = 0x01
        case user = 0x02
        case group = 0x04
        case namedGroup = 0x08
        case mask = 0x10
        case others = 0x20
    }

    /// nil for what is no such attribute. What the list's mask takes from somebody is left out: it is written without.
    package init?(parsing bytes: [UInt8]) {
        func number<Number: FixedWidthInteger>(at index: Int, _: Number.Type) -> Number {
            bytes[index..<index + MemoryLayout<Number>.size].reversed().reduce(0) { $0 << 8 | Number($1) }
        }
        guard bytes.count >= 4, (bytes.count - 4).isMultiple(of: 8),
            number(at: 0, UInt32.self) == Self.version
        else { return nil }
        self.init(mode: 0)
        var mask: UInt16 = 7
        for index in stride(from: 4, to: bytes.count, by: 8) {
            let permissions = number(at: index + 2, UInt16.self)
            switch Tag(rawValue: number(at: index, UInt16.self)) {
            case .owner: owner = permissions
            case .group: group = permissions
            case .user: users[number(at: index + 4, UInt32.self)] = permissions
            case .namedGroup: groups[number(at: index + 4, UInt32.self)] = permissions
            case .mask: mask = permissions
            case .others: others = permissions
            case nil: return nil
            }
        }
        group &= mask
        users = users.mapValues { $0 & mask }
        groups = groups.mapValues { $0 & mask }
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func append(_ number: some FixedWidthInteger) {
            withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
        }
        func append(_ tag: Tag, _ permissions: UInt16, _ id: UInt32 = Self.nobody) {
            append(tag.rawValue)
            append(permissions)
            append(id)
        }
        append(Self.version)
        append(.owner, owner)
        // Users before groups, each by their numbers: the kernel takes no other order.
        for (number, permissions) in users.sorted(by: { $0.key < $1.key }) {
            append(.user, permissions, number)
        }
        append(.group, group)
        for (number, permissions) in groups.sorted(by: { $0.key < $1.key }) {
            append(.namedGroup, permissions, number)
        }
        if !isPlain { append(.mask, mask) }
        append(.others, others)
        return bytes
    }
}
