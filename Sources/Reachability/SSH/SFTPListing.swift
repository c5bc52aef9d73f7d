// The names of a directory, gathered from the packets of a server that nobody vouches for. Bytes only, no I/O.

struct SFTPListing {
    /// A directory of more names than this is not listed to its end.
    static let most = 1_000_000
    /// No file system of a gate has longer ones.
    private static let longestName = 255

    private(set) var names: [String] = []
    /// All that came, kept or not: what is left out must not make a listing endless.
    private var seen = 0
    private let limit: Int

    init(limit: Int = most) { self.limit = limit }

    var isFull: Bool { seen >= limit }

    /// One packet behind its id. Left out are `.` and `..`, names that are not UTF-8, and ones that are too long.
    mutating func take(_ fields: inout SFTPReader) throws(SFTPError) {
        let count = try fields.number()
        guard count > 0 else { throw .malformed("a listing without names") }
        for _ in 0..<count where !isFull {
            let bytes = try fields.string()
            _ = try fields.string()
            _ = try fields.size()
            seen += 1
            guard bytes.count <= Self.longestName, let name = String(validating: bytes, as: UTF8.self),
                name != ".", name != ".."
            else { continue }
            names.append(name)
        }
    }
}
