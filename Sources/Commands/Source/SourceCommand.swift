// `dropgate source`: who may call in, and why an address is or is not let in.
import ArgumentParser

struct SourceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source", abstract: "Source lists: who may call in.",
        discussion: """
            A source list is a YAML file of entries; each lets one CIDR block use one or more channels of the gate, and says \
            where the block was published, who answers for it and when it is due for review.

            A running gate applies changed lists within a second. If one has a mistake, the old lists stay in \
            force, the mistake is recorded in the ledger, and /readyz reports "degraded".
            """,
        subcommands: [
            SourceListCommand.self, SourceExplainCommand.self, SourceAddCommand.self,
            SourceReviewCommand.self, SourceExpireCommand.self, SourceRemoveCommand.self,
        ])
}
