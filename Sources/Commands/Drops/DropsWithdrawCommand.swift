// `dropgate drops withdraw`: takes back what no consumer has yet. A running gate is asked, because it alone writes the ledger; without
// one it is done here.
import Admission
import ArgumentParser
import Intake
import Management
import Settings

struct DropsWithdrawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Take back drops that no consumer has yet.",
        discussion: """
            An upload that is settling, or lies in ready/, goes to quarantine/ and stays there for \
            staging.keep_quarantined, as if its sender had removed it. So does a drop that `dropgate pull` has fetched and \
            still holds, whether upload or event; if the other gate still has that drop, the next pull fetches it \
            again. An event that is held in quarantine is removed for good. Any other accepted event cannot be \
            withdrawn: its consumers may have it as soon as it is accepted. Each withdrawal is recorded in the ledger. Exit status 1 if \
            one of the ids cannot be withdrawn, and 70 if an event is withdrawn in the ledger but its bytes could not be \
            removed: the message names what is left. The other ids are withdrawn all the same.

            EXAMPLES
              dropgate drops withdraw 01jdk2v8q3m5t7w9y1b3d5f7h9 --comment "sent for another clinic"
            """)

    @Argument(help: "Ids of drops.", transform: ArgumentText.notEmpty) var ids: [String]
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        try await DropDecisions(gate, remark).make(of: ids) { drops, id, _ in
            let (drop, withdrawn) = try await drops.withdraw(id)
            return switch withdrawn {
            case .quarantined: "withdrew \(drop): it is in quarantine"
            case .removed: "withdrew \(drop): it was held, and is removed"
            }
        }
    }
}
