// Ledger entries on stdout: a table for people, or an export format for programs.
import Audit
import Ledger

struct AttemptPrinter {
    /// nil: the table.
    private let format: EntryFormat?

    init(_ format: EntryFormat?) { self.format = format }

    /// The head of a table or of CSV.
    func begin() {
        if let format {
            if let header = format.header { Output.bytes(header) }
        } else {
            Output.line(Colour.faint(AttemptRow.header))
        }
    }

    /// Whole entries in one write, so that a reader sees no halves.
    func print(_ entries: [StoredEntry]) throws {
        guard !entries.isEmpty else { return }
        if let format {
            Output.bytes(try entries.flatMap(format.record))
        } else {
            Output.text(try entries.map { AttemptRow(try $0.value()).line + "\n" }.joined())
        }
    }
}
