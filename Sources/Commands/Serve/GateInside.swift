// Who carries out what only the ledger's writer may do: the running gate, asked over its control socket; without one,
// an intake of this process, opened as the gate opens its own.
import Intake
import Ledger
import Logging
import Settings

enum GateInside {
    case running(ControlClient)
    case own(Intake)

    /// Throws `LedgerError`: `.locked` when a gate runs that does not answer, `.rolledBack` or `.forked` when the
    /// ledger is not what was seen signed.
    init(_ settings: GateSettings) async throws {
        let control = ControlClient(path: settings.controlSocket)
        guard await !control.answers() else {
            self = .running(control)
            return
        }
        let seen = try await LedgerKeepers(settings).seen { Output.note($0) }
        self = .own(
            try Intake.open(
                settings.intake, policy: try PolicyLoader.load(files: settings.sources),
                logger: Logger(label: "dropgate") { StreamLogHandler.standardError(label: $0) }, seen: seen))
    }

    /// Returns when everything that was taken over lies in `ready/`.
    func close() async {
        if case .own(let intake) = self { await intake.close() }
    }
}
