// Cuts a stream of bytes into lines of a bounded length. Pure.

package struct LineBuffer {
    /// A line grew beyond the limit.
    package struct TooLong: Error {}

    private var partial: [UInt8] = []
    private let limit: Int

    /// `limit`: bytes of a line without its newline.
    package init(limit: Int) { self.limit = limit }

    /// Takes bytes and returns the lines that they complete, without newlines.
    package mutating func feed(_ bytes: some Sequence<UInt8>) throws(TooLong) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                lines.append(partial)
                partial = []
            } else {
                guard partial.count < limit else { throw TooLong() }
                partial.append(byte)
            }
        }
        return lines
    }
}
