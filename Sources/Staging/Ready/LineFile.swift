// A file of NDJSON that is written line by line, many lines with one system call.
import JSON

struct LineFile {
    /// Bytes that are kept until they are written: few enough to stay in the processor's cache.
    private static let longestWrite = 128 << 10

    private let file: OpenFile
    private var lines = CanonicalJSON(capacity: LineFile.longestWrite + 4096)

    init(_ file: OpenFile) {
        self.file = file
    }

    /// - Parameter line: writes one value.
    mutating func append(_ line: (inout CanonicalJSON) -> Void) throws(StagingError) {
        line(&lines)
        lines.endLine()
        if lines.bytes.count >= Self.longestWrite { try finish() }
    }

    /// Writes what is kept.
    mutating func finish() throws(StagingError) {
        try file.write(lines.bytes)
        lines.removeAll()
    }
}
