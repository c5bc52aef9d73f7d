// One event of an NDJSON batch in `ready/`.
import Intake
import Ledger
import Staging

struct BatchEvents {
    /// Bytes of a batch; the stager makes none that is nearly as large.
    static let longest = 1 << 30

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

    private func line(of record: DropRecord) throws -> Int {
        (try ids(at: record.readyPath).firstIndex(of: record.id) ?? -1) + 1
    }

    /// The drops of a batch by the ledger alone: lines are in the order of their entries.
    func ids(at readyPath: String) throws -> [String] {
        guard let accepted = WebhookName.time(in: readyPath) else { return [] }
        return try reader.events(readyPath: readyPath, acceptedFrom: accepted).map(\.id)
    }
}
