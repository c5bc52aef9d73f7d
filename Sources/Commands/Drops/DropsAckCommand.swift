// `dropgate drops ack`: a consumer says that it is done. A running gate is asked over its control socket, because
// it alone writes the ledger; without one the ledger is written here.
import Admission
import ArgumentParser
import Ledger
import Settings

struct DropsAckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ack", abstract: "Say that the consumer is done with drops.",
        discussion: """
            The file and its receipt are removed after staging.keep_acknowledged. Exit status 1 when one of the ids \
            is no released drop.
            """)

    @Argument(help: "Ids of drops.") var ids: [String]
    @OptionGroup var gate: GateOptions

    func run() async throws {
        let settings = try gate.settings()
        let acknowledge = try await acknowledger(settings)
        var areAllKnown = true
        for id in ids {
            do {
                let drop = try TypedDrop(id)
                guard try await acknowledge(drop.id) else {
                    throw Failure(.no, drop.notAcknowledged(settings))
                }
                Output.line("acknowledged \(drop.id)")
            } catch let failure as Failure where failure.status == .no {
                Output.error(failure.message)
                areAllKnown = false
            }
        }
        if !areAllKnown { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func acknowledger(_ settings: GateSettings) async throws -> (String) async throws -> Bool {
        let control = ControlClient(path: settings.controlSocket)
        if await control.answers() { return { try await control.acknowledge($0) } }
        let store = try await LedgerOwner.open(settings)
        let writer = LedgerWriter(store: store, clock: { Instant.now() })
        return { id in
            guard case .changed(let changed) = try await writer.commit(.acknowledge(id: id, at: .now()))
            else {
                return false
            }
            return changed
        }
    }
}
