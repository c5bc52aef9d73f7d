// `dropgate ledger verify`: every entry is hashed again and held against everything that was signed.
import Admission
import ArgumentParser
import Foundation
import Ledger
import Management

struct LedgerVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Verify the whole ledger, and say what is wrong where.",
        discussion: """
            Hashes every entry, builds the tree again, and checks every stored checkpoint, the copies in the \
            ledger's directory and what the witnesses have. The gate may keep running.

            Somebody who can write the ledger's directory can replace all of it, including keys and checkpoints. Only a \
            checkpoint or a key from elsewhere can reveal that: a witness, --checkpoint, --key. Without one the answer is \
            "internally consistent only". A damaged or incomplete checkpoint, in a file, in the ledger's directory or kept by a \
            witness, is a finding. The exception: in the files that the gate writes, the rest that a crash left \
            of a checkpoint that the ledger has is not a finding.

            A witness has 5 seconds to answer; a file is read to its end, however long it is. A witness that does not \
            answer, cannot be read, or is a file with less in it than the ledger says it took is a finding, too, \
            because it may be the one that would show a change. To verify without witnesses, set DROPGATE_LEDGER_WITNESSES='[]'.

            EXAMPLES
              dropgate ledger verify
              dropgate ledger verify --checkpoint last-month.note --key gate-1.pub
              dropgate ledger verify --format json

            EXIT STATUS
              0   verified
              20  altered_entry       21  missing_entry    22  tail_cut
              23  rolled_back         24  forked           25  bad_signature
              26  columns_differ      27  checkpoint_missing
              28  tree_damaged        29  checkpoint_damaged
              30  lists_damaged       31  witness_not_compared
            If there are several findings, the lowest status is returned.
            """)

    @Option(
        help: ArgumentHelp(
            "A file with one or more checkpoints that were kept elsewhere; repeatable.", valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var checkpoint: [String] = []

    @Option(
        help: ArgumentHelp(
            "A file of public keys that were kept elsewhere, one per line. Default: those beside the ledger's key.",
            valueName: "file"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var key: String?

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let settings = try gate.settings()
        let progress = Progress("verifying")
        let verification: LedgerService.Verification
        do {
            verification = try await LedgerService(settings).verify(
                checkpoints: checkpoint, key: key, progress: { progress.show($0, of: $1) },
                warn: { Output.note($0) })
        } catch let error as LedgerError {
            throw Self.withoutItself(error)
        }
        progress.end()
        let verdict = LedgerVerdict(verification, now: .now(), hasKey: key != nil)
        try Output.answer {
            if output.isJSON { return try Output.json(verification.json) }
            for line in verdict.lines { try Output.line(line) }
        } then: {
            if let status = verdict.exitStatus { throw ExitCode(status) }
        }
    }

    /// The error with other advice than to run this command.
    private static func withoutItself(_ error: LedgerError) -> LedgerError {
        guard error.fix == LedgerError.adviceOnDamage else { return error }
        return LedgerError(
            error.code, error.message,
            fix: "keep the file as evidence, and put a whole copy back from a backup", mayPass: error.mayPass)
    }
}
