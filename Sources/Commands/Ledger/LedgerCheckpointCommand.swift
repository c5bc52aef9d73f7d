// `dropgate ledger checkpoint`: signs the ledger's head now and prints the note.
import ArgumentParser
import Management

struct LedgerCheckpointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint", abstract: "Sign the ledger's head now, and print the checkpoint.",
        discussion: """
            Keep it where nobody who can write the ledger can change it: printed, in a ticket, with an auditor. \
            `dropgate ledger verify --checkpoint FILE` compares the ledger with it later.
            """)

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        let settings = try gate.settings()
        let note = try await LedgerService(settings).checkpoint(
            by: remark.attribution(), warn: { Output.note($0) })
        try Output.done("the checkpoint is signed") { try Output.text(note) }
    }
}
