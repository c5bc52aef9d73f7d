// `dropgate drops`: what was accepted, and where it lies.
import ArgumentParser

struct DropsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drops", abstract: "What was accepted: webhook events and uploaded files.",
        discussion: """
            A drop lies complete under ready/ in the staging directory; its receipt, below receipts/, says where it \
            came from. A consumer is done with it when it moves or deletes the file, or acknowledges it.
            """,
        subcommands: [
            DropsListCommand.self, DropsShowCommand.self, DropsAckCommand.self,
            DropsReleaseCommand.self, DropsWithdrawCommand.self, DropsVerifyCommand.self,
        ])
}
