// `dropgate ledger rotate-key`: a new signing key, tied to the old one by an entry under both signatures.
import ArgumentParser
import Management

struct LedgerRotateKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key", abstract: "Change the key that signs the ledger.",
        discussion: """
            Makes a new key, writes an entry that both keys sign, and signs a checkpoint with the new one. Whoever trusts \
            the old key can trust the new one because of that entry. Give auditors the new public key all the same. After \
            that entry the old key no longer signs anything. If the command is interrupted, the next start, or the next command \
            that writes, completes the rotation if the ledger has the entry, and undoes it if not.
            """)

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        let settings = try gate.settings()
        let key = try await LedgerService(settings).rotateKey(
            by: remark.attribution(), warn: { Output.note($0) })
        try Output.done { try Output.line("the ledger is now signed by \(key)") }
    }
}
