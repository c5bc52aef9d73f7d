// A part of a segment file: some thousand lines as a gzip member of their own, whose header says how long it is and how many lines it
// holds. Who looks for one entry reads headers up to its member, and unpacks that alone. Programs that do not know the field, such as
// zcat, read all members as one file (RFC 1952, 2.2).
import CShims
import Files
import Foundation

enum SegmentMember {
    /// Lines, and bytes of them, after which a member is closed.
    static let lines = 2048
    static let bytes = 4 << 20

    /// The extra field (RFC 1952, 2.3.1.1): `DG`, eight bytes: the member's size and its lines, each of 32 bits, least byte first.
    private static let id: [UInt8] = [UInt8(ascii: "D"), UInt8(ascii: "G"), 8, 0]
    /// Where the field begins, and what its header is long at least.
    private static let field = 12
    private static let header = field + 12

    /// A member with these lines; nil where there is no memory for it.
    static func pack(_ text: [UInt8], lines: Int) -> [UInt8]? {
        let extra = id + [0, 0, 0, 0] + number(lines)
        var place: UnsafeMutableRawPointer?
        let size = dropgate_gzip_member(text, text.count, extra, extra.count, &place)
        guard size > 0, let place else { return nil }
        defer { free(place) }
        var member = Array(UnsafeRawBufferPointer(start: place, count: size))
        member.replaceSubrange(field + 4..<field + 8, with: number(size))
        return member
    }

    private static func number(_ value: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(value).littleEndian) { Array($0) }
    }

    /// Where a member begins in its file, and how many lines are before it.
    struct Start {
        var offset: off_t = 0
        var line: Int64 = 0
    }

    /// The members of an open file, in their order: at least one. From the first on that is without the field, as earlier versions wrote
    /// them, all of it counts as one; and so does a file in which a size leads to no member.
    /// - Parameter line: those that begin behind it are left out.
    static func starts(_ descriptor: Int32, upTo line: Int64 = .max) throws(SystemError) -> [Start] {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last }
        var starts = [Start()]
        var bytes = [UInt8](repeating: 0, count: header)
        while let last = starts.last, last.offset != status.st_size {
            let count = try SystemCall.retrying { pread(descriptor, &bytes, bytes.count, last.offset) }
            guard count == bytes.count, bytes[0] == 0x1F, bytes[1] == 0x8B else { return [Start()] }
            guard bytes[3] == 4, Array(bytes[field..<field + 4]) == id else { break }
            let (size, lines) = (number(bytes, field + 4), number(bytes, field + 8))
            guard size > header, lines > 0, last.line + lines <= line else { break }
            starts.append(Start(offset: last.offset + off_t(size), line: last.line + lines))
        }
        return starts
    }

    /// Moves an open file to the last member that begins at or before a line, and returns how many lines are before it.
    static func seek(_ descriptor: Int32, to line: Int64) throws(SystemError) -> Int64 {
        let start = try starts(descriptor, upTo: line).last ?? Start()
        guard lseek(descriptor, start.offset, SEEK_SET) == start.offset else { throw .last }
        return start.line
    }

    private static func number(_ bytes: [UInt8], _ place: Int) -> Int64 {
        bytes[place..<place + 4].reversed().reduce(0) { $0 << 8 | Int64($1) }
    }
}
