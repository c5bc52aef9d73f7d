// How far an export came.
package import JSON

/// What is known of what left: whole entries, and bytes.
package struct ExportReach: Sendable, Hashable {
    package private(set) var entries: Int64 = 0
    /// The seq of the last whole entry.
    package private(set) var last: Int64?
    package private(set) var bytes: Int64 = 0

    package init(bytes: Int = 0) { self.bytes = Int64(bytes) }

    /// Takes up a piece of the output.
    /// - Parameters:
    ///   - records: what was to be written.
    ///   - seqs: the entries of the records; none for what is no entry.
    ///   - arrived: how many of its bytes did.
    package mutating func add(_ records: [[UInt8]], _ seqs: [Int64], arrived: Int) {
        var end = 0
        for (index, record) in records.enumerated() {
            end += record.count
            guard end <= arrived, index < seqs.count else { continue }
            entries += 1
            last = seqs[index]
        }
        bytes += Int64(min(end, arrived))
    }

    /// For the entry that says it.
    package var facts: [String: JSONValue] {
        var facts: [String: JSONValue] = ["entries": .int(entries), "bytes": .int(bytes)]
        if let last { facts["last"] = .int(last) }
        return facts
    }
}

/// An error of who was to take an export.
package protocol ExportBreak: Error {
    /// The reader left by itself.
    var isReaderGone: Bool { get }
}
