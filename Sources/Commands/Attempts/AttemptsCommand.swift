// `dropgate attempts`: what the ledger says of who knocked. It reads beside the running gate and never writes.
import Admission
import ArgumentParser
import Ledger
import Settings

struct AttemptsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attempts", abstract: "Show accepted and rejected attempts from the ledger.",
        discussion: """
            Shows the newest 50 entries that match, oldest first. Options of one kind given twice mean "or"; \
            different options mean "and".

            EXAMPLES
              dropgate attempts --verdict rejected --since 24h
              dropgate attempts --source 20.21.208.0/24 --channel sftp --limit 0 --format csv
              dropgate attempts --follow --kind request --kind transfer
              dropgate attempts --account vsee --format jsonl | jq .drop
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, jsonl, csv }

    @OptionGroup var filter: AttemptFilter

    @Option(help: "How many of the newest entries; 0: all.")
    var limit = 50

    @Flag(help: "Go on with new entries as they come, until interrupted.")
    var follow = false

    @Option(help: "table for people; jsonl (the entries exactly as hashed) or csv for programs.")
    var format: Format = .table

    @OptionGroup var gate: GateOptions

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit: write how many entries to show, or 0 for all") }
    }

    func run() async throws {
        let reader = try LedgerReader(path: gate.settings().ledger.path)
        let query = try filter.query()
        let printer = AttemptPrinter(format)
        var last = try reader.lastSeq() ?? 0
        if limit > 0 {
            var newest = query
            newest.order = .newestFirst
            newest.limit = limit
            printer.begin()
            for entry in try reader.entries(newest).reversed() { try printer.print(entry) }
        } else {
            printer.begin()
            last = max(last, try page(query, after: nil, reader, printer))
        }
        while follow {
            try await Task.sleep(for: .milliseconds(250))
            last = try page(query, after: last, reader, printer)
        }
    }

    /// Prints all entries above a seq, oldest first, and returns the seq of the last one.
    private func page(
        _ query: LedgerQuery, after: Int64?, _ reader: LedgerReader, _ printer: AttemptPrinter
    ) throws -> Int64 {
        var query = query
        query.order = .oldestFirst
        query.limit = 1000
        query.after = after
        while true {
            let entries = try reader.entries(query)
            for entry in entries { try printer.print(entry) }
            guard let last = entries.last else { return query.after ?? 0 }
            query.after = last.seq
            if entries.count < query.limit { return last.seq }
        }
    }
}
