// `dropgate ledger export`: a run of entries with all that proves them, for an auditor.
import Admission
import ArgumentParser
import Foundation
import Ledger
import Settings

struct LedgerExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a bundle of entries that an auditor can verify without Dropgate.",
        discussion: """
            The bundle is a directory: entries.jsonl, proof.txt, checkpoint, manifest.json. It verifies with a short \
            script in Python that shares no code with Dropgate:

              dropgate ledger export --since 2026-10-01 --until 2026-11-01 --output october
              Deploy/verify-bundle.py --key gate-1.pub october

            The auditor should have the public key, and best a checkpoint from a witness, from elsewhere.
            """)

    @Option(help: ArgumentHelp("Entries not before: \(Moment.help).", valueName: "time")) var since: Moment?
    @Option(help: ArgumentHelp("Entries before: as for --since.", valueName: "time")) var until: Moment?
    @Option(help: "The first entry's seq.") var first: Int64?
    @Option(help: "The last entry's seq.") var last: Int64?

    @Option(name: [.short, .long], help: ArgumentHelp("The directory to make.", valueName: "dir"))
    var output: String

    @OptionGroup var gate: GateOptions
    @OptionGroup var form: FormatOptions

    func run() async throws {
        let settings = try gate.settings()
        let reader = try LedgerReader(path: settings.ledger.path)
        guard let signed = try reader.newestCheckpoint() else {
            throw Failure(.no, "no checkpoint is signed yet; run `dropgate ledger checkpoint`")
        }
        let range = try range(reader, below: signed.checkpoint.size)
        guard let key = try LedgerKeys(settings).verifiers().first(where: signed.note.isSigned) else {
            throw Failure(
                .no, "the newest checkpoint is signed by no key of this ledger; run `dropgate ledger verify`")
        }
        try await AccessRecord.exported(
            "ledger export", detail: ["first": .int(range.lowerBound), "last": .int(range.upperBound - 1)],
            settings: settings)
        let progress = Progress("exporting")
        let manifest = try LedgerBundle(reader).write(
            range, checkpoint: signed, key: key, to: output, now: .now(), progress: progress.show)
        progress.end()
        if form.isJSON { return Output.json(manifest) }
        Output.line(
            "\(output): entries \(range.lowerBound) to \(range.upperBound - 1), under the checkpoint of "
                + "\(signed.checkpoint.size) entries, \(signed.checkpoint.time)")
        Output.line("verify it with: Deploy/verify-bundle.py --key \(settings.ledger.key).pub \(output)")
    }

    private func range(_ reader: LedgerReader, below size: Int64) throws -> Range<Int64> {
        let start = try since.map { try reader.firstSeq(notBefore: $0.instant) } ?? first ?? 0
        let end = min(
            size, try until.map { try reader.firstSeq(notBefore: $0.instant) } ?? last.map { $0 + 1 } ?? size)
        guard start >= 0, start < end else {
            throw Failure(.no, "no signed entries in this range; the newest checkpoint is of \(size) entries")
        }
        return start..<end
    }

    func validate() throws {
        if since != nil, first != nil { throw ValidationError("give --since or --first, not both") }
        if until != nil, last != nil { throw ValidationError("give --until or --last, not both") }
    }
}
