// Compares what the table `segments` says of a file of sealed entries with the file: queries and retention go by the table.
import Admission

struct SegmentCheck {
    private let segment: LedgerSegment
    private var first: Instant?
    private var last: Instant?

    init(_ segment: LedgerSegment) { self.segment = segment }

    /// Takes an entry of the file. The first and the last one are needed.
    /// - Parameter scan: nil of what is no entry.
    mutating func take(_ seq: Int64, _ scan: EntryScan?) {
        if seq == segment.first { first = EntryScan.instant(scan?.time) }
        if seq == segment.last { last = EntryScan.instant(scan?.time) }
    }

    /// The names of columns that say something else than the file, of which it reads all bytes; empty when all is well.
    /// Throws `LedgerError` where it cannot.
    func differences(from path: String) throws -> [String] {
        let file = try SegmentFile.digest(path)
        var names: [String] = []
        if first != segment.firstTime { names.append("first_time") }
        if last != segment.lastTime { names.append("last_time") }
        if file.sha256 != segment.sha256 { names.append("sha256") }
        if file.bytes != segment.bytes { names.append("bytes") }
        return names
    }
}
