// `dropgate ledger prove`: that one entry is in the signed tree, as a file that verifies offline.
import ArgumentParser
import Files
import Foundation
import Ledger
import Management

struct LedgerProveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract: "Prove that an entry is in the ledger, with a file that verifies offline.",
        discussion: """
            Writes a C2SP tlog-proof: the entry's number, its inclusion proof and a signed checkpoint. Whoever has the \
            entry's bytes, the proof and the ledger's public key needs nothing else to verify it:

              dropgate ledger prove 42 --entry entry.json --output 42.tlog-proof
              Deploy/verify-bundle.py --key gate-1.pub --proof 42.tlog-proof entry.json
            """)

    @Argument(help: "The entry's seq.") var seq: Int64

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Where to write the proof. Default: stdout.", valueName: "file"),
        transform: ArgumentText.notEmpty)
    var output: String?

    @Option(
        help: ArgumentHelp("Also write the entry's bytes to this file.", valueName: "file"),
        transform: ArgumentText.notEmpty)
    var entry: String?

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func validate() throws {
        guard let output, let entry else { return }
        let file = Paths.resolved(Paths.absolute(output))
        guard file == Paths.resolved(Paths.absolute(entry)) else { return }
        throw ValidationError(
            "--output and --entry both name \(file): give one file for the proof and another one for the entry"
        )
    }

    func run() async throws {
        let settings = try gate.settings()
        let proofFile = try output.map { try OutputFile($0, "--output", of: settings) }
        let entryFile = try entry.map { try OutputFile($0, "--entry", of: settings) }
        let proof = try await LedgerService(settings).prove(
            seq, entryFile: entryFile?.path, by: remark.attribution(), warn: { Output.note($0) })
        if let proofFile {
            try proofFile.write(proof.description)
        } else {
            try Output.text(proof.description)
        }
    }
}
