// The requests of draft section 6, decoded. WRITE keeps its data in the input; every other string is
// copied, because it is short and outlives the buffer. Decoding never looks at the session's state.

/// Names an open handle on the wire: eight bytes, a slot and how often that slot has been given out.
package struct HandleID: Hashable, Sendable {
    package var slot: UInt32
    package var generation: UInt32

    package init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }
}

package struct WriteRequest: Equatable, Sendable {
    /// nil: the string was not eight bytes long, so it names no handle.
    package var handle: HandleID?
    package var offset: UInt64
    /// Where the data lies in the input.
    package var data: Range<Int>
}

package struct ReadRequest: Equatable, Sendable {
    /// nil: the string was not eight bytes long, so it names no handle.
    package var handle: HandleID?
    package var offset: UInt64
    package var length: UInt32
}

/// A request without its id.
package enum Request: Equatable, Sendable {
    case open(path: [UInt8], flags: OpenFlags, attributes: SentAttributes)
    case close(HandleID?)
    case read(ReadRequest)
    case write(WriteRequest)
    case lstat(path: [UInt8])
    case stat(path: [UInt8])
    case fstat(HandleID?)
    case setstat(path: [UInt8], SentAttributes)
    case fsetstat(HandleID?, SentAttributes)
    case opendir(path: [UInt8])
    case readdir(HandleID?)
    case remove(path: [UInt8])
    case mkdir(path: [UInt8])
    case rmdir(path: [UInt8])
    case realpath(path: [UInt8])
    case rename(from: [UInt8], to: [UInt8])
    case readlink(path: [UInt8])
    case symlink(first: [UInt8], second: [UInt8])
    case posixRename(from: [UInt8], to: [UInt8])
    case fsync(HandleID?)
    case limits
    case hardlink(from: [UInt8], to: [UInt8])
    /// An extension or a packet type that the drop box does not have.
    case unsupported(name: String)

    /// - Parameter packet: the fields after the id.
    init(_ type: UInt8, _ packet: Range<Int>, _ input: Span<UInt8>) throws(PacketError) {
        var cursor = FieldCursor(packet)
        guard let type = PacketType(rawValue: type) else {
            self = .unsupported(name: "packet type \(type)")
            return
        }
        switch type {
        case .write:
            let handle = try cursor.handle(input)
            let offset = try cursor.uint64(input)
            self = .write(
                WriteRequest(handle: handle, offset: offset, data: try cursor.stringRange(input)))
        case .open:
            let path = try cursor.string(input)
            let flags = OpenFlags(rawValue: try cursor.uint32(input))
            self = .open(path: path, flags: flags, attributes: try SentAttributes(&cursor, input))
        case .setstat:
            let path = try cursor.string(input)
            self = .setstat(path: path, try SentAttributes(&cursor, input))
        case .fsetstat:
            let handle = try cursor.handle(input)
            self = .fsetstat(handle, try SentAttributes(&cursor, input))
        case .close: self = .close(try cursor.handle(input))
        case .fstat: self = .fstat(try cursor.handle(input))
        case .readdir: self = .readdir(try cursor.handle(input))
        case .read:
            let handle = try cursor.handle(input)
            let offset = try cursor.uint64(input)
            self = .read(
                ReadRequest(handle: handle, offset: offset, length: try cursor.uint32(input)))
        case .lstat: self = .lstat(path: try cursor.string(input))
        case .stat: self = .stat(path: try cursor.string(input))
        case .opendir: self = .opendir(path: try cursor.string(input))
        case .remove: self = .remove(path: try cursor.string(input))
        case .mkdir:
            // Attributes follow; they are not applied, and some clients leave them out.
            self = .mkdir(path: try cursor.string(input))
        case .rmdir: self = .rmdir(path: try cursor.string(input))
        case .realpath: self = .realpath(path: try cursor.string(input))
        case .readlink: self = .readlink(path: try cursor.string(input))
        case .rename:
            let from = try cursor.string(input)
            self = .rename(from: from, to: try cursor.string(input))
        case .symlink:
            let first = try cursor.string(input)
            self = .symlink(first: first, second: try cursor.string(input))
        case .extended:
            self = try Request.extended(&cursor, input)
        case .initialise, .version, .status, .handle, .data, .name, .attributes, .extendedReply:
            self = .unsupported(name: "packet type \(type.rawValue)")
        }
    }

    private static func extended(
        _ cursor: inout FieldCursor, _ input: Span<UInt8>
    ) throws(PacketError) -> Request {
        let name = String(decoding: try cursor.string(input), as: UTF8.self)
        switch name {
        case Extension.posixRename:
            let from = try cursor.string(input)
            return .posixRename(from: from, to: try cursor.string(input))
        case Extension.hardlink:
            let from = try cursor.string(input)
            return .hardlink(from: from, to: try cursor.string(input))
        case Extension.fsync:
            return .fsync(try cursor.handle(input))
        case Extension.limits:
            return .limits
        default:
            return .unsupported(name: printable(name.utf8))
        }
    }
}

/// Text for messages and reports: valid UTF-8, control characters as \xNN, at most `limit` bytes of input.
package func printable(_ bytes: some Collection<UInt8>, limit: Int = WireLimit.path) -> String {
    var text: [UInt8] = []
    let digits = Array("0123456789abcdef".utf8)
    for byte in bytes.prefix(limit) {
        if byte < 0x20 || byte == 0x7f {
            text += [UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        } else {
            text.append(byte)
        }
    }
    return String(decoding: text, as: UTF8.self) + (bytes.count > limit ? "…" : "")
}
