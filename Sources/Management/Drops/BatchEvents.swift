// One event of an NDJSON batch in `ready/`.
import Intake
import Ledger
import Staging

struct BatchEvents {
    /// Bytes of a batch; the stager makes none that is nearly as large.
    private static let longest = 1 << 30

    let staging: StagingArea
    let reader: any LedgerReading

    /// The body of an event, or nil where its line does not hold one.
    /// - Parameter line: from 1, as its receipt has it; nil where there is no receipt.
    func event(of record: DropRecord, line: Int?) throws -> [UInt8]? {
        let number = try line ?? self.line(of: record)
        let file = try staging.ready.openReleased(record.readyPath)
        guard try file.size() <= Self.longest else { return nil }
        let contents = try file.contents(limit: Self.longest)
        let lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard number > 0, number <= lines.count else { return nil }
        return (try? BatchLine(parsing: lines[number - 1]))?.bytes
    }

    /// By the ledger alone: lines are in the order of their entries.
    private func line(of record: DropRecord) throws -> Int {
        guard let accepted = WebhookName.time(in: record.readyPath) else { return 0 }
        let batch = try reader.events(readyPath: record.readyPath, acceptedFrom: accepted)
        return (batch.firstIndex { $0.id == record.id } ?? -1) + 1
    }
}
