// `dropgate drops release`: an event that was held in quarantine goes where it would have gone, now that its source
// is listed. A running gate is asked, because it alone writes the ledger; without one it is done here.
import Admission
import ArgumentParser
import Intake
import Management
import Settings

struct DropsReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Release events that are held in quarantine.",
        discussion: """
            With `unlisted: quarantine` an event of VSee's form that shows the right secret and comes from an unlisted \
            address is refused and held. Ask VSee whether the address is its own; if so list it, then release what \
            was held. The source lists decide again: while they refuse the address, nothing is released, and the \
            exit status is 1.

            EXAMPLES
              dropgate drops list --held
              dropgate source add 20.21.208.110 --service clinic --channel webhook
              dropgate drops release 01jdk2v8q3m5t7w9y1b3d5f7h9
            """)

    @Argument(help: "Ids of drops in quarantine.") var ids: [String]
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        let settings = try gate.settings()
        let drops = try await DropService(settings).changing(
            by: remark.attribution(), warn: { Output.note($0) })
        var answer = LastingOutput()
        var isAnyLeft = false
        for id in ids {
            do {
                let (drop, event) = try await drops.release(id)
                let name = event.name.map { " as \(settings.staging.path)/ready/\($0)" } ?? ""
                try answer.line(UntrustedText.stored("released \(drop): \(event.status.rawValue)\(name)"))
            } catch let failure as ManagementError where failure.code == .refused {
                Output.error(failure.description)
                isAnyLeft = true
            }
        }
        await drops.close()
        try Output.answer(answer.finish) {
            if isAnyLeft { throw ExitCode(ExitStatus.no.rawValue) }
        }
    }
}
