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
    /// Of the batch that was read last. Who looks at it later sees it as it was then.
    private struct Batch {
        let readyPath: String
        /// nil: such a line holds no event.
        let lines: [ContentDigest?]
        /// By the ledger alone; nil: nobody has asked.
        var numbers: [String: Int]?
    }

    /// More lines than a batch of the gate's has (`Stager`): what is behind them is none of its events.
    private static let mostLines = 1 << 16

    private let staging: StagingArea
    private let reader: any LedgerReading
    private var last: Batch?

    init(staging: StagingArea, reader: any LedgerReading) {
        self.staging = staging
        self.reader = reader
    }

    /// The event of a drop, and in which line it was looked for.
    /// - Parameter line: from 1, as its receipt has it; nil where there is no receipt.
    func event(of record: DropRecord, line: Int?) throws -> (content: ContentDigest?, line: Int?) {
        var batch = try self.batch(record.readyPath)
        guard let number = try line ?? self.line(of: record, in: &batch) else { return (nil, nil) }
        guard number > 0, number <= batch.lines.count else { return (nil, number) }
        return (batch.lines[number - 1], number)
    }

    private func batch(_ readyPath: String) throws -> Batch {
        if let last, last.readyPath == readyPath { return last }
        // Two are never kept at once.
        last = nil
        let batch = Batch(readyPath: readyPath, lines: try lines(of: readyPath))
        last = batch
        return batch
    }

    private func line(of record: DropRecord, in batch: inout Batch) throws -> Int? {
        if batch.numbers == nil {
            let ids = try BatchEvents(staging: staging, reader: reader).ids(at: batch.readyPath)
            batch.numbers = Dictionary(zip(ids, 1...), uniquingKeysWith: { first, _ in first })
            last = batch
        }
        return batch.numbers?[record.id]
    }

    private func lines(of readyPath: String) throws -> [ContentDigest?] {
        let file = try staging.ready.openReleased(readyPath)
        guard try file.size() <= BatchEvents.longest else { return [] }
        var lines: [ContentDigest?] = []
        var (bytes, line): (Int, [UInt8]) = (0, [])
        func end() {
            if lines.count < Self.mostLines { lines.append(Self.digest(line)) }
            line.removeAll(keepingCapacity: true)
        }
        try file.forEachPiece { piece in
            // It may have grown since.
            bytes += piece.count
            guard bytes <= BatchEvents.longest else { return }
            var rest = piece[...]
            while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                line += rest[..<newline]
                end()
                rest = rest[(newline + 1)...]
            }
            line += rest
        }
        end()
        return lines
    }

    private static func digest(_ line: [UInt8]) -> ContentDigest? {
        guard let body = (try? BatchLine(parsing: line))?.bytes else { return nil }
        return ContentDigest(bytes: Int64(body.count), sha256: SHA256.hash(data: body))
    }
}
