// A client's half of the codec, written separately from the one under test: requests out, replies in.
import SFTPWire

/// Fields of a packet, draft section 4.
struct Fields {
    var bytes: [UInt8] = []

    func uint32(_ value: UInt32) -> Fields {
        Fields(bytes: bytes + (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) })
    }

    func uint64(_ value: UInt64) -> Fields {
        uint32(UInt32(value >> 32)).uint32(UInt32(truncatingIfNeeded: value))
    }

    func string(_ value: [UInt8]) -> Fields {
        var fields = uint32(UInt32(value.count))
        fields.bytes += value
        return fields
    }

    func string(_ value: String) -> Fields { string(Array(value.utf8)) }

    func attributes(size: UInt64? = nil, permissions: UInt32? = nil, modified: UInt32? = nil) -> Fields {
        let flags: UInt32 = (size == nil ? 0 : 1) | (permissions == nil ? 0 : 4) | (modified == nil ? 0 : 8)
        var fields = uint32(flags)
        if let size { fields = fields.uint64(size) }
        if let permissions { fields = fields.uint32(permissions) }
        if let modified { fields = fields.uint32(modified).uint32(modified) }
        return fields
    }
}

/// A whole packet; no id for INIT.
func packet(_ type: UInt8, id: UInt32? = nil, _ fields: Fields = Fields()) -> [UInt8] {
    let body = [type] + (id.map { Fields().uint32($0).bytes } ?? []) + fields.bytes
    return Fields().uint32(UInt32(body.count)).bytes + body
}

func packet(_ type: PacketType, id: UInt32? = nil, _ fields: Fields = Fields()) -> [UInt8] {
    packet(type.rawValue, id: id, fields)
}

/// What a client is told.
enum Reply: Equatable {
    struct Attributes: Equatable {
        var size: UInt64?
        var permissions: UInt32?
        var modified: UInt32?
    }
    struct Name: Equatable {
        var name: String
        var long: String
        var attributes: Attributes
    }

    case version(UInt32, [String: String])
    case status(StatusCode, String)
    case handle([UInt8])
    case names([Name])
    case attributes(Attributes)
    case limits([UInt64])
    case data([UInt8])
}

/// Reads a server's bytes; traps the test, by returning nil, on anything that is not a whole packet.
struct ReplyReader {
    var bytes: ArraySlice<UInt8>

    mutating func uint32() -> UInt32? {
        guard bytes.count >= 4 else { return nil }
        defer { bytes = bytes.dropFirst(4) }
        return bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func uint64() -> UInt64? {
        guard let high = uint32(), let low = uint32() else { return nil }
        return UInt64(high) << 32 | UInt64(low)
    }

    mutating func string() -> [UInt8]? {
        guard let count = uint32(), bytes.count >= Int(count) else { return nil }
        defer { bytes = bytes.dropFirst(Int(count)) }
        return Array(bytes.prefix(Int(count)))
    }

    mutating func text() -> String? { string().flatMap { String(validating: $0, as: UTF8.self) } }

    mutating func attributes() -> Reply.Attributes? {
        guard let flags = uint32() else { return nil }
        var result = Reply.Attributes()
        if flags & 1 != 0 { result.size = uint64() }
        if flags & 4 != 0 { result.permissions = uint32() }
        if flags & 8 != 0 {
            guard uint32() != nil else { return nil }
            result.modified = uint32()
        }
        return result
    }

    mutating func names() -> [Reply.Name]? {
        guard let count = uint32() else { return nil }
        var names: [Reply.Name] = []
        for _ in 0..<count {
            guard let name = text(), let long = text(), let attributes = attributes() else { return nil }
            names.append(Reply.Name(name: name, long: long, attributes: attributes))
        }
        return names
    }

    /// The next packet: its id, and what it says.
    mutating func next() -> (id: UInt32?, reply: Reply)? {
        guard let body = string(), let type = body.first.flatMap(PacketType.init) else { return nil }
        var fields = ReplyReader(bytes: body.dropFirst())
        guard let id = fields.uint32() else { return nil }
        let reply: Reply?
        switch type {
        case .version:
            var extensions: [String: String] = [:]
            while !fields.bytes.isEmpty {
                guard let name = fields.text(), let version = fields.text() else { return nil }
                extensions[name] = version
            }
            return (nil, .version(id, extensions))
        case .status:
            guard let code = fields.uint32().flatMap(StatusCode.init), let text = fields.text(),
                fields.text() != nil
            else { return nil }
            reply = .status(code, text)
        case .handle: reply = fields.string().map(Reply.handle)
        case .name: reply = fields.names().map(Reply.names)
        case .attributes: reply = fields.attributes().map(Reply.attributes)
        case .extendedReply: reply = .limits((0..<4).compactMap { _ in fields.uint64() })
        case .data: reply = fields.string().map(Reply.data)
        default: reply = nil
        }
        guard let reply, fields.bytes.isEmpty else { return nil }
        return (id, reply)
    }
}
