// `dropgate attempts`: what the ledger says of who knocked. It reads beside the running gate and writes nothing but
// the record of an export.
import ArgumentParser
import Audit
import Management
import Settings

struct AttemptsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attempts", abstract: "Show accepted and rejected attempts from the ledger.",
        discussion: """
            Shows the newest 50 entries that match, oldest first. Giving the same option twice means "or"; \
            different options mean "and".

            For a refusal, the table shows what helps to find the cause: the account and method of a login, the TLS alert that the sender \
            sent, the expired entry, a private address where a caller's should be, the proxy in between, and when the \
            lists changed for a source that was accepted in the 30 days before. For programs, use another --format.

            PAGES
              Entries are numbered (seq) and never change, so pages are stable: --before SEQ shows the newest matches \
            below that entry, --after SEQ the oldest matches above it. If more than --limit entries match, a note \
            on stderr says how to continue.

            EXPORTS
              Every format except table is an export: first an entry of kind access, with the user and the filters, is written to \
            the ledger. If that fails, nothing is exported. An export contains the entries before its own, which the \
            next export contains. If the output cannot be written completely, or its \
            reader goes away, a second entry (exported_in_part) says how far the export got.

            EXAMPLES
              dropgate attempts --verdict rejected --since 24h
              dropgate attempts --source 20.21.208.0/24 --channel sftp --limit 0 --format csv
              dropgate attempts --follow --kind request --kind transfer
              dropgate attempts --since yesterday --until today --limit 0 --format ocsf
              dropgate attempts --account vsee --format jsonl | jq .drop
            """)

    @OptionGroup var filter: AttemptFilter

    @Option(help: "Show at most this many entries; 0 for all.")
    var limit = 50

    @Option(help: ArgumentHelp("Show the oldest entries after this one.", valueName: "seq"))
    var after: Int64?

    @Option(help: ArgumentHelp("Show the newest entries before this one.", valueName: "seq"))
    var before: Int64?

    @Flag(help: "Keep showing new entries as they come, until interrupted; with --after, from that entry on.")
    var follow = false

    @Option(
        help: ArgumentHelp("table for people; for programs \(AttemptFormat.exports).", valueName: "format"))
    var format = AttemptFormat(export: nil)

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit: write how many entries to show, or 0 for all") }
        if follow && before != nil {
            throw ValidationError("--follow shows new entries, --before older ones: give only one of them")
        }
        if follow && filter.until != nil {
            throw ValidationError(
                "--follow runs until it is interrupted: give either --follow or --until")
        }
    }

    func run() async throws {
        let settings = try gate.settings()
        let attempts = try AttemptService(settings)
        var request = AttemptService.Request()
        request.query = try filter.query()
        (request.limit, request.after, request.before, request.follows) = (limit, after, before, follow)
        let export =
            format.export == .syslog
            ? .syslog(enterprise: settings.forward.syslog?.enterprise ?? 0) : format.export
        let printer = AttemptPrinter(export, history: export == nil ? attempts.refusals() : nil)
        let answer = try await attempts.read(
            request,
            export: format.export.map {
                .init(format: $0.name, words: filter.asText, by: try remark.attribution())
            },
            warn: { Output.note($0) }, begin: printer.begin, reach: { printer.reach }, take: printer.print)
        for note in filter.timeNotes + (try attempts.clockNotes(request.query)) { Output.note(note) }
        switch answer.more {
        case .before(let seq): Output.note("more entries match: go on with --before \(seq)")
        case .after(let seq): Output.note("more entries match: go on with --after \(seq)")
        case nil: break
        }
        if follow {
            try await attempts.follow(
                request, after: answer, isWanted: { !Output.isReaderGone }, reach: { printer.reach }
            ) { page in
                // A reader that leaves is how this ends.
                do { try printer.print(page) } catch let error as OutputError where error.isReaderGone {}
            }
        }
    }
}

/// A table for people, or an export.
struct AttemptFormat: ExpressibleByArgument {
    /// nil: the table.
    let export: EntryFormat?

    private static let table = "table"

    init(export: EntryFormat?) { self.export = export }

    init?(argument: String) {
        if argument == Self.table {
            self.init(export: nil)
        } else {
            guard let format = EntryFormat(name: argument) else { return nil }
            self.init(export: format)
        }
    }

    var defaultValueDescription: String { export?.name ?? Self.table }
    static var allValueStrings: [String] { [table] + EntryFormat.allCases.map(\.name) }
    static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

    /// "jsonl (the entries exactly as hashed), csv … or syslog (RFC 5424)".
    static var exports: String {
        let words = EntryFormat.allCases.map { $0.name + ($0.about.map { " (\($0))" } ?? "") }
        return words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }
}
