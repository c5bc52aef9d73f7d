// `dropgate drops ack`: a consumer says that it is done. A running gate is asked over its control socket, because
// it alone writes the ledger; without one the ledger is written here.
import ArgumentParser
import Management

struct DropsAckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ack", abstract: "Say that the consumer is done with drops.",
        discussion: """
            The file and its receipt are removed after staging.keep_acknowledged. Exit status 1 when one of the ids \
            is no released drop, 75 when one cannot be acknowledged now, while staging fails: try again later, and 70 \
            when something failed with one; the other ids are acknowledged all the same.
            """)

    @Argument(help: "Ids of drops.", transform: ArgumentText.notEmpty) var ids: [String]
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        try await DropDecisions(gate, remark).make(of: ids) { drops, id, _ in
            "acknowledged \(try await drops.acknowledge(id))"
        }
    }
}
