// Ledger entries as lines: a table for people, the canonical JSON, or CSV for a spreadsheet.
import Audit
import Ledger

struct AttemptPrinter {
    private let format: AttemptsCommand.Format

    init(_ format: AttemptsCommand.Format) { self.format = format }

    /// The head of a table or of CSV.
    func begin() {
        switch format {
        case .table: Output.line(Colour.faint(AttemptRow.header))
        case .csv: Output.text(CSV.line(AttemptRow.columns))
        case .jsonl: break
        }
    }

    func print(_ entry: StoredEntry) throws {
        switch format {
        case .jsonl: Output.line(String(decoding: entry.json, as: UTF8.self))
        case .table: Output.line(AttemptRow(try entry.value()).line)
        case .csv: Output.text(CSV.line(AttemptRow(try entry.value()).cells))
        }
    }
}
