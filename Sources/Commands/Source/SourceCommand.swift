// `dropgate source`: who may call in, and why an address is or is not let in.
import ArgumentParser

struct SourceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source", abstract: "Source lists: who may call in.",
        discussion: """
            A source list is a YAML file of entries; each lets one CIDR block use channels of the gate and says \
            where that was published, who answers for it and when it is to be reviewed.

            A running gate takes changed lists over within a second. A mistake in one keeps the old lists in \
            force, is written to the ledger, and turns /readyz to degraded.
            """,
        subcommands: [
            SourceListCommand.self, SourceExplainCommand.self, SourceAddCommand.self,
            SourceReviewCommand.self, SourceExpireCommand.self, SourceRemoveCommand.self,
        ])
}
