// `dropgate drops release`: an event that was held in quarantine goes where it would have gone, now that its source
// is listed. A running gate is asked, because it alone writes the ledger; without one it is done here.
import Admission
import ArgumentParser
import Intake
import Ledger
import Logging
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
              dropgate drops release 01JDK2V8Q3M5T7W9Y1B3D5F7H9
            """)

    @Argument(help: "Ids of drops in quarantine.") var ids: [String]
    @OptionGroup var gate: GateOptions

    func run() async throws {
        let settings = try gate.settings()
        let owner = try await IntakeOwner(settings)
        var isAnyLeft = false
        for id in ids {
            do {
                let (status, name) = try await owner.release(id)
                Output.line(
                    "released \(id): \(status)\(name.isEmpty ? "" : " as \(settings.staging.path)/ready/\(name)")"
                )
            } catch let refusal as IntakeOwner.Refusal {
                Output.error(refusal.message)
                isAnyLeft = true
            }
        }
        await owner.close()
        if isAnyLeft { throw ExitCode(ExitStatus.no.rawValue) }
    }
}

/// Who releases: the running gate, or an intake of this process.
private struct IntakeOwner {
    /// The gate's no.
    struct Refusal: Error { let message: String }

    private let control: ControlClient
    /// nil beside a running gate.
    private let intake: Intake?

    init(_ settings: GateSettings) async throws {
        control = ControlClient(path: settings.controlSocket)
        if await control.answers() {
            intake = nil
        } else {
            let seen = try await LedgerKeepers(settings).seen { Output.note($0) }
            intake = try Intake.open(
                settings.intake, policy: try PolicyLoader.load(files: settings.sources),
                logger: Logger(label: "dropgate"), seen: seen)
        }
    }

    func release(_ id: String) async throws -> (status: String, name: String) {
        let answer: JSONValue
        if let intake {
            answer = await HeldDrops.release(id, intake)
        } else {
            answer = try await control.ask(["release": .string(id)])
        }
        if let refusal = answer["refused"]?.string { throw Refusal(message: refusal) }
        return (answer["status"]?.string ?? "", answer["name"]?.string ?? "")
    }

    func close() async { await intake?.close() }
}

/// The answer to a release, the same from the running gate and from this process.
enum HeldDrops {
    static func release(_ id: String, _ intake: Intake) async -> JSONValue {
        do throws(IntakeError) {
            let outcome = try await intake.releaseHeld(id)
            return ["status": .string(outcome.status.rawValue), "name": .string(outcome.name)]
        } catch {
            return ["refused": .string(error.description)]
        }
    }
}
