// `dropgate ledger backup`: a copy of the ledger with its keys, of one moment, beside a running gate.
import Admission
import ArgumentParser
import Files
import JSON
import Ledger
import Management

struct LedgerBackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the ledger and its keys, while the gate runs.",
        discussion: """
            Creates DIR with the ledger as it is at one moment: its file, checkpoints, sealed entries, and keys/. The gate \
            keeps running. The head is signed first, and the backup is recorded as an entry of kind access.

            DIR holds the key that signs the ledger: keep it as safe as the gate itself. Settings, lists, accounts, host \
            keys and staged files are not in it; .github/guides/operating.md says how to back up and restore everything.

            If source lists that the ledger had kept are altered or gone, the rest is copied all the same; the command \
            names those lists and ends with 30. DIR must not be inside the gate's own state or staging directory.

            EXAMPLE
              sudo -u dropgate dropgate ledger backup /var/backups/dropgate/2026-11-27
            """)

    @Argument(
        help: "The directory to create; it must not exist yet.", completion: .directory,
        transform: ArgumentText.notEmpty)
    var directory: String

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let settings = try gate.settings()
        let path = Paths.absolute(directory)
        let backup = try await LedgerService(settings).backUp(
            into: path, by: remark.attribution(), warn: { Output.note($0) })
        try Output.answer {
            try Output.done("the backup is made") { try tell(backup, at: path) }
        } then: {
            if let problem = backup.keyProblem {
                guard !backup.damagedLists.isEmpty else { throw problem }
                Output.error(problem.description)
            }
            try DamagedLists.report(backup.damagedLists)
        }
    }

    private func tell(_ made: LedgerService.Backup, at path: String) throws {
        let backup = made.copy
        if output.isJSON {
            var members: [String: JSONValue] = [
                "directory": .string(path), "entries": .int(backup.entries), "bytes": .int(backup.bytes),
            ]
            members["signed"] = (backup.signed?.size).map(JSONValue.int)
            return try Output.json(.object(members))
        }
        let signed = backup.signed.map { "signed up to entry \($0.size - 1)" } ?? "nothing is signed"
        try Output.line(
            "\(path): \(Counted.entries(backup.entries)), \(signed), \(Counted.bytes(backup.bytes))")
        try Output.line(
            made.keyProblem == nil
                ? "it holds the key that signs the ledger: keep it as safe as the gate itself"
                : "it does not hold the key that signs the ledger: keep your earlier backups")
    }
}
