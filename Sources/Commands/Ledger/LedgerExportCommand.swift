// `dropgate ledger export`: a run of entries with all that proves them, for an auditor.
import Admission
import ArgumentParser
import Foundation
import Ledger
import Management
import Settings

struct LedgerExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a bundle of entries that an auditor can verify without Dropgate.",
        discussion: """
            The bundle is a directory: entries.jsonl, proof.txt, checkpoint, manifest.json. It can be verified with a short \
            Python script that shares no code with Dropgate:

              dropgate ledger export --since 2026-10-01 --until 2026-11-01 --output october
              Deploy/verify-bundle.py --key gate-1.pub october

            The auditor should get the public key, and ideally a witness's checkpoint, from somewhere other than this gate.

            The source lists that these entries name are in the bundle, too. If some were altered or removed after \
            they were kept, the bundle is written without them; the command names them and ends with 30.
            """)

    @Option(help: ArgumentHelp("Entries from this time on: \(Moment.help).", valueName: "time")) var since:
        Moment?
    @Option(help: ArgumentHelp("Entries before this time; written as for --since.", valueName: "time"))
    var until: Moment?
    @Option(help: "The first entry's seq.") var first: Int64?
    @Option(help: "The last entry's seq.") var last: Int64?

    @Option(
        name: [.short, .long], help: ArgumentHelp("The directory to create.", valueName: "dir"),
        transform: ArgumentText.notEmpty)
    var output: String

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions
    @OptionGroup var form: FormatOptions

    func run() async throws {
        let settings = try gate.settings()
        let progress = Progress("exporting")
        let bundle = try await LedgerService(settings).export(
            from: since.map { .time($0.instant) } ?? first.map { .entry($0) },
            to: until.map { .time($0.instant) } ?? last.map { .entry($0) }, into: output,
            by: remark.attribution(),
            progress: { progress.show($0, of: $1) }, warn: { Output.note($0) })
        progress.end()
        for note in Moment.notes(since: since, until: until) { Output.note(note) }
        try Output.answer {
            try Output.done("the bundle is made") { try tell(bundle, settings) }
        } then: {
            try DamagedLists.report(bundle.damagedLists)
        }
    }

    private func tell(_ bundle: LedgerService.Bundle, _ settings: GateSettings) throws {
        if form.isJSON { return try Output.json(bundle.manifest) }
        let (entries, checkpoint) = (bundle.entries, bundle.checkpoint)
        try Output.line(
            "\(output): entries \(entries.lowerBound) to \(entries.upperBound - 1), under the checkpoint of "
                + "\(Counted.entries(checkpoint.size)), \(checkpoint.time)")
        try Output.line("verify it with: Deploy/verify-bundle.py --key \(settings.ledger.key).pub \(output)")
    }

    func validate() throws {
        if since != nil, first != nil { throw ValidationError("give --since or --first, not both") }
        if until != nil, last != nil { throw ValidationError("give --until or --last, not both") }
    }
}
