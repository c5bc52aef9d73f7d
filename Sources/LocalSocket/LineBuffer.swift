// Cuts a stream of bytes into lines of a bounded length, and into the bytes that a line says follow it. Pure.

package struct LineBuffer {
    /// A line grew beyond the limit.
    package struct TooLong: Error {}

    private var bytes: [UInt8] = []
    /// Everything before has been handed out.
    private var start = 0
    /// Everything before, from `start` on, holds no newline.
    private var looked = 0
    private let limit: Int

    /// `limit`: bytes of a line without its newline.
    package init(limit: Int) { self.limit = limit }

    package mutating func append(_ more: some Collection<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            (start, looked) = (0, looked - start)
        }
        bytes.append(contentsOf: more)
    }

    /// The next line without its newline; nil: it has not come yet.
    package mutating func line() throws(TooLong) -> [UInt8]? {
        guard let end = bytes[looked...].firstIndex(of: UInt8(ascii: "\n")) else {
            looked = bytes.count
            guard looked - start <= limit else { throw TooLong() }
            return nil
        }
        guard end - start <= limit else { throw TooLong() }
        defer { (start, looked) = (end + 1, end + 1) }
        return Array(bytes[start..<end])
    }

    /// The next `count` bytes, whatever they are; nil: they have not all come yet.
    package mutating func take(_ count: Int) -> [UInt8]? {
        guard bytes.count - start >= count else { return nil }
        let taken = Array(bytes[start..<(start + count)])
        // The memory of what may be many lines' worth is given back.
        bytes = Array(bytes[(start + count)...])
        (start, looked) = (0, 0)
        return taken
    }
}
