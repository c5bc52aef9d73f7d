// The numbers and names of SFTP version 3 (draft-ietf-secsh-filexfer-02) and the drop box's limits.
// Constants only: nothing here reads, writes or decides.

/// Packet types, draft section 3.
package enum PacketType: UInt8, Sendable, CaseIterable {
    case initialise = 1
    case version = 2
    case open = 3
    case close = 4
    case read = 5
    case write = 6
    case lstat = 7
    case fstat = 8
    case setstat = 9
    case fsetstat = 10
    case opendir = 11
    case readdir = 12
    case remove = 13
    case mkdir = 14
    case rmdir = 15
    case realpath = 16
    case stat = 17
    case rename = 18
    case readlink = 19
    case symlink = 20
    case status = 101
    case handle = 102
    case data = 103
    case name = 104
    case attributes = 105
    case extended = 200
    case extendedReply = 201
}

/// Status codes, draft section 7. Version 3 has no others; 6 and 7 are for a client's own use.
package enum StatusCode: UInt32, Sendable, CaseIterable {
    case ok = 0
    case endOfFile = 1
    case noSuchFile = 2
    case permissionDenied = 3
    case failure = 4
    case badMessage = 5
    case noConnection = 6
    case connectionLost = 7
    case unsupported = 8
}

/// `pflags` of OPEN, draft section 6.3.
package struct OpenFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let read = OpenFlags(rawValue: 0x01)
    package static let write = OpenFlags(rawValue: 0x02)
    package static let append = OpenFlags(rawValue: 0x04)
    package static let create = OpenFlags(rawValue: 0x08)
    package static let truncate = OpenFlags(rawValue: 0x10)
    package static let exclusive = OpenFlags(rawValue: 0x20)
}

/// The extensions that VERSION advertises, and one that is refused by name. OpenSSH PROTOCOL, section 4.
package enum Extension {
    package static let posixRename = "posix-rename@openssh.com"
    package static let fsync = "fsync@openssh.com"
    package static let limits = "limits@openssh.com"
    package static let hardlink = "hardlink@openssh.com"

    /// Name and version as VERSION lists them.
    package static let advertised = [(posixRename, "1"), (fsync, "1"), (limits, "1")]
}

/// Bounds of the protocol. A client is told the first group by `limits@openssh.com`.
package enum WireLimit {
    /// As OpenSSH's SFTP_MAX_MSG_LENGTH, in bytes.
    package static let advertisedPacket = 256 * 1024
    /// Data in one WRITE that fits an advertised packet with its fields, in bytes.
    package static let advertisedData = 255 * 1024
    package static let openHandles = 128
    /// Paths whose failed CLOSE is remembered.
    static let failedCloses = 10_000
    /// Paths of which it is remembered that their size was told.
    static let toldSizes = 4096

    /// The largest packet taken, in bytes: a client that counts only its data still fits.
    package static let packet = advertisedPacket + 4 * 1024
    /// Data pieces that one write to disk gathers; below every system's IOV_MAX.
    package static let gather = 64
    /// A path as sent, in bytes.
    package static let path = 1024
    /// One component of a path, in bytes: NAME_MAX of every file system in use.
    package static let component = 255
    package static let depth = 32
    /// Names in one answer to READDIR, and its bytes: old clients read no more than 32 KiB.
    package static let namesPerReply = 100
    package static let bytesPerNameReply = 30_000
    /// Separate pieces that an upload may consist of before they grow together.
    package static let extents = 16_384
    /// Unsent reply bytes after which no more requests are handled.
    package static let output = 1024 * 1024
    /// The same for a session that reads: a pipe takes no more at once, and what is left must be moved.
    static let readOutput = 256 * 1024
}
