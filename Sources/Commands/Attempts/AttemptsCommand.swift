// `dropgate attempts`: what the ledger says of who knocked. It reads beside the running gate and writes nothing but
// the record of an export.
import Admission
import ArgumentParser
import Audit
import Ledger
import Settings

struct AttemptsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attempts", abstract: "Show accepted and rejected attempts from the ledger.",
        discussion: """
            Shows the newest 50 entries that match, oldest first. Options of one kind given twice mean "or"; \
            different options mean "and".

            PAGES
              Entries are numbered (seq) and never change, so pages are stable: --before SEQ shows the newest \
            that match below an entry, --after SEQ the oldest above it. When there are more than --limit, a note \
            on stderr says how to go on.

            EXPORTS
              Every format but table is an export: before it is given, an entry of kind access is written to \
            the ledger, with the user and the filters. Where that fails nothing is exported. An export has the \
            entries up to its own, which stands in the next one.

            EXAMPLES
              dropgate attempts --verdict rejected --since 24h
              dropgate attempts --source 20.21.208.0/24 --channel sftp --limit 0 --format csv
              dropgate attempts --follow --kind request --kind transfer
              dropgate attempts --since yesterday --until today --limit 0 --format ocsf
              dropgate attempts --account vsee --format jsonl | jq .drop
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, jsonl, csv, ecs, ocsf, cef, syslog

        /// nil for people's table.
        var export: EntryFormat? { EntryFormat(rawValue: rawValue) }
    }

    @OptionGroup var filter: AttemptFilter

    @Option(help: "How many entries at most; 0: all.")
    var limit = 50

    @Option(help: ArgumentHelp("The oldest entries above this one.", valueName: "seq"))
    var after: Int64?

    @Option(help: ArgumentHelp("The newest entries below this one.", valueName: "seq"))
    var before: Int64?

    @Flag(help: "Go on with new entries as they come, until interrupted; with --after from there on.")
    var follow = false

    @Option(
        help: """
            table for people; for programs jsonl (the entries exactly as hashed), csv, ecs (Elastic Common \
            Schema), ocsf, cef or syslog (RFC 5424).
            """)
    var format: Format = .table

    @OptionGroup var gate: GateOptions

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit: write how many entries to show, or 0 for all") }
        if follow && before != nil {
            throw ValidationError("--follow shows what comes, --before what was: give one of them")
        }
    }

    func run() async throws {
        let settings = try gate.settings()
        let reader = try LedgerReader(path: settings.ledger.path)
        var query = try filter.query()
        // Entries below `end` are shown now; following begins above `last`.
        let last: Int64
        let end: Int64
        if let export = format.export {
            last = try await record(export, settings)
            end = last
        } else {
            last = try reader.lastSeq() ?? -1
            end = last + 1
        }
        query.below = min(before ?? end, end)
        query.above = after
        let printer = AttemptPrinter(format.export)
        printer.begin()
        if limit == 0 || after != nil {
            try showOldest(query, reader, printer)
        } else {
            try showNewest(query, reader, printer)
        }
        query.below = nil
        if follow { try await follow(AttemptPages(reader, query, above: last), printer) }
    }

    /// Writes down that entries leave, and returns the seq of that entry.
    private func record(_ export: EntryFormat, _ settings: GateSettings) async throws -> Int64 {
        var query = [filter.asText]
        if let after { query.append("--after \(after)") }
        if let before { query.append("--before \(before)") }
        query.append(follow ? "--limit \(limit) --follow" : "--limit \(limit)")
        return try await AccessRecord.exported(
            "attempts",
            detail: [
                "format": .string(export.rawValue),
                "query": .string(query.filter { !$0.isEmpty }.joined(separator: " ")),
            ], settings: settings)
    }

    private func showNewest(_ query: LedgerQuery, _ reader: LedgerReader, _ printer: AttemptPrinter) throws {
        var query = query
        query.order = .newestFirst
        query.limit = limit == Int.max ? limit : limit + 1
        let entries = try reader.entries(query)
        let shown = entries.prefix(limit)
        try printer.print(shown.reversed())
        if entries.count > limit, let first = shown.last { note("--before \(first.seq)") }
    }

    private func showOldest(_ query: LedgerQuery, _ reader: LedgerReader, _ printer: AttemptPrinter) throws {
        var pages = AttemptPages(reader, query, above: query.above)
        var left = limit == 0 || follow ? Int.max : limit
        var last: Int64?
        try pages.read { page in
            if left == 0 {
                if let last { note("--after \(last)") }
                return false
            }
            let shown = page.prefix(left)
            try printer.print(Array(shown))
            left -= shown.count
            last = shown.last?.seq
            if shown.count < page.count, let last {
                note("--after \(last)")
                return false
            }
            return !Output.isReaderGone
        }
    }

    private func note(_ option: String) {
        Output.note("more entries match: go on with \(option)")
    }

    /// Goes on until interrupted, or until nobody reads.
    private func follow(_ pages: AttemptPages, _ printer: AttemptPrinter) async throws {
        var pages = pages
        while !Output.isReaderGone {
            try pages.read { page in
                try printer.print(page)
                return !Output.isReaderGone
            }
            do {
                try await Task.sleep(for: .milliseconds(250))
            } catch {
                return
            }
        }
    }
}
