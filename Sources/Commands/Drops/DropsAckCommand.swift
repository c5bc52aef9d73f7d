// `dropgate drops ack`: a consumer says that it is done. A running gate is asked over its control socket, because
// it alone writes the ledger; without one the ledger is written here.
import ArgumentParser
import Management

struct DropsAckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ack", abstract: "Acknowledge drops: record that their consumer is done with them.",
        discussion: """
            The file and its receipt are removed after staging.keep_acknowledged. Exit status 1 if one of the ids \
            is not a released drop; 75 if one cannot be acknowledged now, because staging fails (try again later); 70 \
            if something else failed. The other ids are acknowledged all the same.
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
