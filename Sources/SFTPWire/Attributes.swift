// File attributes, draft section 5: what a client sends with OPEN, SETSTAT and MKDIR, and what it is told.
// Codec only; what is applied and what is merely accepted, the drop box decides.

/// Attributes as a client sent them. Owner, permissions and access time are read and not kept.
package struct SentAttributes: Equatable, Sendable {
    package var size: UInt64?
    /// Seconds since the epoch.
    package var modified: UInt32?

    package init(size: UInt64? = nil, modified: UInt32? = nil) {
        self.size = size
        self.modified = modified
    }

    private enum Flag {
        static let size: UInt32 = 0x1
        static let owner: UInt32 = 0x2
        static let permissions: UInt32 = 0x4
        static let times: UInt32 = 0x8
        static let extended: UInt32 = 0x8000_0000
    }

    init(_ cursor: inout FieldCursor, _ input: Span<UInt8>) throws(PacketError) {
        let flags = try cursor.uint32(input)
        if flags & Flag.size != 0 { size = try cursor.uint64(input) }
        if flags & Flag.owner != 0 { _ = try cursor.uint64(input) }
        if flags & Flag.permissions != 0 { _ = try cursor.uint32(input) }
        if flags & Flag.times != 0 {
            _ = try cursor.uint32(input)
            modified = try cursor.uint32(input)
        }
        if flags & Flag.extended != 0 {
            // Each pair takes eight bytes or more, so a false count ends with the packet.
            for _ in 0..<(try cursor.uint32(input)) {
                _ = try cursor.stringRange(input)
                _ = try cursor.stringRange(input)
            }
        }
    }
}

/// What stands under a name in the account's view.
package struct Node: Equatable, Sendable {
    package enum Kind: Sendable {
        case directory, file
    }
    package var kind: Kind
    /// Bytes; 0 for a directory.
    package var size: Int64
    /// Seconds since the epoch.
    package var modified: Int64

    package init(kind: Kind, size: Int64, modified: Int64) {
        self.kind = kind
        self.size = size
        self.modified = modified
    }

    /// Type bits and permissions as `st_mode` has them; clients tell files from directories by the type bits.
    package var permissions: UInt32 {
        switch kind {
        case .directory: 0o040_700
        case .file: 0o100_600
        }
    }
}
