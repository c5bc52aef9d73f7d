// Size and digest of each event of an NDJSON batch in `ready/`. Drops of one batch are looked at one after the other, as a rule: its
// file is read once for all of them, piece by piece.
import Ledger
import Staging
import TLS

/// What a drop holds, as far as it is compared.
struct ContentDigest: Hashable {
    let bytes: Int64
    let sha256: SHA256Digest

    /// As the ledger has it.
    var hex: String { sha256.hex }

    /// What the ledger says of it.
    struct Expected {
        let bytes: Int64
        /// Lower-case hex.
        let sha256: String

        /// nil: the drop's entry is not there any more.
        init?(_ view: DropView) {
            guard let bytes = view.bytes, let sha256 = view.receipt.sha256 else { return nil }
            (self.bytes, self.sha256) = (bytes, sha256)
        }
    }
}

final class BatchDigests {
    /// What stands in one line.
    struct Event {
        let content: ContentDigest
        let receipt: Receipt
    }

    /// Lines behind those of the ledger's events.
    struct StrayLines: Hashable {
        let readyPath: String
        /// From 1.
        let lines: ClosedRange<Int>
    }

    /// Of the batch that was read last. Who looks at it later sees it as it was then.
    private struct Batch {
        let readyPath: String
        /// From 1, by their drops: lines are in the order of the entries.
        let numbers: [String: Int]
        /// As many as the ledger has events of it; nil: such a line holds none.
        let events: [Event?]
    }

    private let staging: StagingArea
    private let reader: any LedgerReading
    private var last: Batch?
    /// Of all batches that were read.
    private(set) var strayLines: Set<StrayLines> = []

    init(staging: StagingArea, reader: any LedgerReading) {
        self.staging = staging
        self.reader = reader
    }

    /// The event of a drop, and in which line it was looked for: from 1; nil where the ledger does not say which is its own.
    /// Throws `StagingError`, `LedgerError`, and a `DropDifference` where the file is none of the gate's batches.
    func event(of record: DropRecord) throws -> (event: Event?, line: Int?) {
        let batch = try self.batch(record.readyPath)
        guard let number = batch.numbers[record.id] else { return (nil, nil) }
        return (number <= batch.events.count ? batch.events[number - 1] : nil, number)
    }

    /// What was read of a batch is read anew.
    func forget() { last = nil }

    private func batch(_ readyPath: String) throws -> Batch {
        if let last, last.readyPath == readyPath { return last }
        // Two are never kept at once.
        last = nil
        let ids = try BatchEvents(staging: staging, reader: reader).ids(at: readyPath)
        let (events, lines) = try read(readyPath, most: ids.count)
        strayLines = strayLines.filter { $0.readyPath != readyPath }
        if lines > ids.count, !ids.isEmpty {
            strayLines.insert(StrayLines(readyPath: readyPath, lines: ids.count + 1...lines))
        }
        let batch = Batch(
            readyPath: readyPath,
            numbers: Dictionary(zip(ids, 1...), uniquingKeysWith: { first, _ in first }), events: events)
        last = batch
        return batch
    }

    /// The first events, and how many lines there are in all.
    private func read(_ readyPath: String, most: Int) throws -> (events: [Event?], lines: Int) {
        let file = try staging.ready.openReleased(readyPath)
        // It may grow while it is read.
        let size = try file.size()
        guard size <= BatchEvents.longest else { throw DropDifference.tooLarge(found: size) }
        var (events, lines): ([Event?], Int) = ([], 0)
        try file.forEachLine(limit: size) { line in
            lines += 1
            if events.count < most { events.append(Self.event(in: line)) }
            return true
        }
        return (events, lines)
    }

    private static func event(in line: [UInt8]) -> Event? {
        guard let line = try? BatchLine(parsing: line) else { return nil }
        let content = ContentDigest(
            bytes: Int64(line.bytes.count), sha256: SHA256.hash(data: line.bytes))
        return Event(content: content, receipt: line.receipt)
    }
}
