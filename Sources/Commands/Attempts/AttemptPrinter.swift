// Ledger entries on stdout: a table for people, or an export format for programs.
import Audit
import Ledger
import Management

final class AttemptPrinter {
    /// nil: the table.
    private let format: EntryFormat?
    /// What the table says of sources that were let in before.
    private let history: RefusalHistory?
    /// What has been written, whole entries and bytes.
    private(set) var reach = ExportReach()

    init(_ format: EntryFormat?, history: RefusalHistory? = nil) {
        self.format = format
        self.history = history
    }

    /// The head of a table or of CSV.
    func begin() throws {
        if let format {
            if let header = format.header { try write([header], []) }
        } else {
            try Output.line(Colour.faint(AttemptRow.header))
        }
    }

    /// Whole entries in one write, so that a reader sees no halves.
    func print(_ entries: [StoredEntry]) throws {
        guard !entries.isEmpty else { return }
        if let format {
            try write(entries.map(format.record), entries.map(\.seq))
        } else {
            try Output.text(entries.map(line).joined())
        }
    }

    private func write(_ records: [[UInt8]], _ seqs: [Int64]) throws {
        do {
            try Output.bytes(Array(records.joined()))
            reach.add(records, seqs, arrived: .max)
        } catch let error as OutputError {
            reach.add(records, seqs, arrived: error.written)
            throw error
        }
    }

    private func line(_ entry: StoredEntry) throws -> String {
        let value = try entry.value()
        let past = try history?.words(of: value, seq: entry.seq, time: entry.time)
        return AttemptRow(value, past: past).line + "\n"
    }
}
