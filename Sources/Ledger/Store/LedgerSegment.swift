// A file of sealed entries, as the ledger knows it.
package import Admission
import Foundation
import GRDB

/// Entries whose canonical bytes lie in a compressed file, one a line. Their hashes stay in the tree's tiles.
package struct LedgerSegment: Sendable, Hashable {
    /// Entries in a segment; a multiple of a tile's width.
    package static let width: Int64 = 65_536

    /// Entries `number × width` on.
    package var number: Int64
    package var first: Int64
    /// Inclusive.
    package var last: Int64
    package var firstTime: Instant
    package var lastTime: Instant
    /// Of the compressed file.
    package var sha256: [UInt8]
    package var bytes: Int64
    /// The entry that records the removal of the file by retention; nil while it is kept.
    package var removalEntry: Int64?

    package init(
        number: Int64, first: Int64, last: Int64, firstTime: Instant, lastTime: Instant, sha256: [UInt8],
        bytes: Int64
    ) {
        self.number = number
        self.first = first
        self.last = last
        self.firstTime = firstTime
        self.lastTime = lastTime
        self.sha256 = sha256
        self.bytes = bytes
    }

    /// In SQL, whether a row of `segments` tells of entries that a file can hold. Whoever reads a ledger leaves other rows out; a
    /// verification tells of them.
    static let isPossibleRow =
        "number BETWEEN 0 AND \(LedgerLimits.entries / width - 1) AND first BETWEEN 0 AND last "
        + "AND last < \(LedgerLimits.entries)"

    /// `000000000003.jsonl.gz`
    package var fileName: String { String(format: "%012lld.jsonl.gz", number) }

    /// Throws `LedgerError(.unreadable)`.
    init(row: Row) throws {
        let row = TableRow(row, of: "segments")
        try self.init(
            number: row.int("number"), first: row.int("first"), last: row.int("last"),
            firstTime: row.time("first_time"), lastTime: row.time("last_time"), sha256: row.bytes("sha256"),
            bytes: row.int("bytes"))
        removalEntry = try row.intOrNull("removal_entry")
    }

    /// For a verification: what has a value of another type gets one that no file has, and no entry records, and so is a finding like
    /// any other wrong value. nil where nobody can tell which entries it is to hold.
    init?(unverified row: Row) {
        let row = TableRow(row, of: "segments")
        guard let number = try? row.int("number"), let first = try? row.int("first"),
            let last = try? row.int("last")
        else { return nil }
        let never = Instant(microseconds: .min)
        self.init(
            number: number, first: first, last: last, firstTime: (try? row.time("first_time")) ?? never,
            lastTime: (try? row.time("last_time")) ?? never, sha256: (try? row.bytes("sha256")) ?? [],
            bytes: (try? row.int("bytes")) ?? -1)
        do { removalEntry = try row.intOrNull("removal_entry") } catch { removalEntry = -1 }
    }

    var arguments: StatementArguments {
        [number, first, last, firstTime.microseconds, lastTime.microseconds, Data(sha256), bytes]
    }
}
