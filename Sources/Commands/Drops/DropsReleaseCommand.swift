// `dropgate drops release`: an event that was held in quarantine goes where it would have gone, now that its source
// is listed. A running gate is asked, because it alone writes the ledger; without one it is done here.
import Admission
import ArgumentParser
import Intake
import Ledger
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
    @OptionGroup var gate: GateOptions

    func run() async throws {
        let settings = try gate.settings()
        let inside = try await GateInside(settings)
        var isAnyLeft = false
        for id in ids {
            do {
                Output.line(try await release(TypedDrop(id), inside, settings))
            } catch let failure as Failure where failure.status == .no {
                Output.error(failure.message)
                isAnyLeft = true
            }
        }
        await inside.close()
        if isAnyLeft { throw ExitCode(ExitStatus.no.rawValue) }
    }

    /// Returns what is said of a release. Throws a `Failure` when nothing was released.
    private func release(_ drop: TypedDrop, _ inside: GateInside, _ settings: GateSettings) async throws
        -> String
    {
        guard drop.isHeld(settings) else { throw Failure(.no, drop.notHeld(settings)) }
        let answer =
            switch inside {
            case .own(let intake): await HeldDrops.release(drop.id, intake)
            case .running(let control): try await control.ask(["release": .string(drop.id)])
            }
        if let refusal = answer["refused"]?.string { throw Failure(.no, refusal) }
        let name = answer["name"]?.string.map { " as \(settings.staging.path)/ready/\($0)" } ?? ""
        return OutsideText.stored("released \(drop.id): \(answer["status"]?.string ?? "")\(name)")
    }
}

/// The answer to a release, the same from the running gate and from this process.
enum HeldDrops {
    static func release(_ id: String, _ intake: Intake) async -> JSONValue {
        do throws(IntakeError) {
            let outcome = try await intake.releaseHeld(id)
            var answer: [String: JSONValue] = ["status": .string(outcome.status.rawValue)]
            // A repeat of what is there already has no file of its own.
            if outcome.status == .stored { answer["name"] = .string(outcome.name) }
            return .object(answer)
        } catch {
            return ["refused": .string(error.description)]
        }
    }
}
