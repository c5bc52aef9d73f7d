// Ledger entries on stdout: a table for people, or an export format for programs.
import Audit
import Ledger

struct AttemptPrinter {
    private let formatter: EntryFormatter?

    /// nil: the table.
    init(_ format: EntryFormat?) { formatter = format.map(EntryFormatter.init) }

    /// The head of a table or of CSV.
    func begin() {
        if let formatter {
            if let header = formatter.header { Output.bytes(header) }
        } else {
            Output.line(Colour.faint(AttemptRow.header))
        }
    }

    /// Whole entries in one write, so that a reader sees no halves.
    func print(_ entries: [StoredEntry]) throws {
        guard !entries.isEmpty else { return }
        if let formatter {
            Output.bytes(try entries.flatMap(formatter.record))
        } else {
            Output.text(try entries.map { AttemptRow(try $0.value()).line + "\n" }.joined())
        }
    }
}
