// `dropgate drops release`: an event that was held in quarantine goes where it would have gone, now that its source
// is listed. A running gate is asked, because it alone writes the ledger; without one it is done here.
import Admission
import ArgumentParser
import Intake
import Management
import Settings

struct DropsReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Release what is held: events in quarantine, drops that were pulled.",
        discussion: """
            With `unlisted: quarantine`, an event in VSee's format that has the right secret but comes from an unlisted \
            address is refused and held. Ask VSee whether the address is theirs; if it is, list it, then release what \
            was held. The source lists decide again: as long as they refuse the address, nothing is released, and the \
            exit status is 1.

            A drop that `dropgate pull` has fetched is held until it is acknowledged on the other gate. If that gate can no longer \
            be asked (`dropgate doctor` reports such drops), find out whether the drop was acknowledged there for this \
            gate. If it was, release it with this command, which does not ask the source lists about it; if not, withdraw it.

            EXAMPLES
              dropgate drops list --held
              dropgate source add 20.21.208.110 --service clinic --channel webhook
              dropgate drops release 01jdk2v8q3m5t7w9y1b3d5f7h9
            """)

    @Argument(help: "Ids of held drops.", transform: ArgumentText.notEmpty) var ids: [String]
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        try await DropDecisions(gate, remark).make(of: ids) { drops, id, settings in
            let (drop, event) = try await drops.release(id)
            let name = event.name.map { " as \(settings.staging.path)/ready/\($0)" } ?? ""
            return "released \(drop): \(event.status.rawValue)\(name)"
        }
    }
}
