// `dropgate ledger`: the evidence that nothing was altered or cut off.
import ArgumentParser

struct LedgerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Prove and verify that the ledger was not altered.",
        discussion: """
            The entries are the leaves of a Merkle tree (RFC 6962). Its head is signed soon after each entry, as a \
            checkpoint (C2SP tlog-checkpoint), and given to witnesses (ledger.witnesses): whoever holds a checkpoint \
            and the ledger's public key can tell whether any entry before it was changed, removed or added.
            """,
        subcommands: [
            LedgerVerifyCommand.self, LedgerProveCommand.self, LedgerExportCommand.self,
            LedgerCheckpointCommand.self,
            LedgerRotateKeyCommand.self, LedgerBackupCommand.self,
        ])
}
