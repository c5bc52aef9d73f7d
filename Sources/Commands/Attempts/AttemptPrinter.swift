// Ledger entries on stdout: a table for people, or an export format for programs.
import Audit
import Ledger
import Management

struct AttemptPrinter {
    /// nil: the table.
    private let format: EntryFormat?
    /// What the table says of sources that were let in before.
    private let history: RefusalHistory?

    init(_ format: EntryFormat?, history: RefusalHistory? = nil) {
        self.format = format
        self.history = history
    }

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
            Output.text(try entries.map(line).joined())
        }
    }

    private func line(_ entry: StoredEntry) throws -> String {
        let value = try entry.value()
        let past = try history?.words(of: value, seq: entry.seq, time: entry.time)
        return AttemptRow(value, past: past).line + "\n"
    }
}
