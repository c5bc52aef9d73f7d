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

    /// Whether a file can hold these entries. Whoever reads a ledger leaves other rows out; a verification tells of them.
    var isPossible: Bool {
        0 <= number && number < .max / Self.width && 0 <= first && first <= last && last < .max
    }

    /// `000000000003.jsonl.gz`
    package var fileName: String { String(format: "%012lld.jsonl.gz", number) }

    init(row: Row) {
        self.init(
            number: row["number"], first: row["first"], last: row["last"],
            firstTime: Instant(microseconds: row["first_time"]),
            lastTime: Instant(microseconds: row["last_time"]),
            sha256: [UInt8](row["sha256"] as Data), bytes: row["bytes"])
        removalEntry = row["removal_entry"]
    }

    var arguments: StatementArguments {
        [number, first, last, firstTime.microseconds, lastTime.microseconds, Data(sha256), bytes]
    }
}
