// SFTP version 3 packets as a client writes and reads them (draft-ietf-secsh-filexfer-02). Bytes only, no I/O.

enum SFTPKind {
    static let initialise: UInt8 = 1
    static let version: UInt8 = 2
    static let open: UInt8 = 3
    static let close: UInt8 = 4
    static let read: UInt8 = 5
    static let write: UInt8 = 6
    static let openDirectory: UInt8 = 11
    static let readDirectory: UInt8 = 12
    static let remove: UInt8 = 13
    static let stat: UInt8 = 17
    static let status: UInt8 = 101
    static let handle: UInt8 = 102
    static let data: UInt8 = 103
    static let name: UInt8 = 104
    static let attributes: UInt8 = 105
}

struct SFTPWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func number(_ value: UInt32) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func long(_ value: UInt64) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func string(_ value: some Collection<UInt8>) {
        number(UInt32(value.count))
        bytes.append(contentsOf: value)
    }
}

/// Reads fields; every read fails when the bytes are over.
struct SFTPReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Collection<UInt8>) { rest = Array(bytes)[...] }

    private func short() -> SFTPError { .malformed("a packet ends in the middle of a field") }

    mutating func byte() throws(SFTPError) -> UInt8 {
        guard let value = rest.popFirst() else { throw short() }
        return value
    }

    mutating func number() throws(SFTPError) -> UInt32 {
        guard rest.count >= 4 else { throw short() }
        defer { rest = rest.dropFirst(4) }
        return rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func long() throws(SFTPError) -> UInt64 {
        let high = try number()
        return UInt64(high) << 32 | UInt64(try number())
    }

    mutating func string() throws(SFTPError) -> [UInt8] {
        let size = Int(try number())
        guard rest.count >= size else { throw short() }
        defer { rest = rest.dropFirst(size) }
        return Array(rest.prefix(size))
    }

    /// ATTRS (section 5); only the size is of use here.
    mutating func size() throws(SFTPError) -> Int64? {
        let flags = try number()
        var size: Int64?
        if flags & 1 != 0 { size = Int64(clamping: try long()) }
        if flags & 2 != 0 { _ = try long() }
        if flags & 4 != 0 { _ = try number() }
        if flags & 8 != 0 { _ = try long() }
        if flags & 0x8000_0000 != 0 {
            let count = try number()
            for _ in 0..<min(count, 64) {
                _ = try string()
                _ = try string()
            }
        }
        return size
    }
}
