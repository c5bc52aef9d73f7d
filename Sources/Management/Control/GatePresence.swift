// Whether a gate runs with these settings. That none runs, and that this process cannot tell, are two answers: whoever takes
// the second for the first says of a gate that runs that it does not.
import Blocking
import Ledger
package import Settings

package enum GatePresence: Sendable {
    /// Nobody listens on its control socket, and nobody writes its ledger.
    case no
    /// It answers there, of whatever version it is.
    case yes(ControlClient)
    /// This user may not ask, or who listens there does not answer, or somebody writes the ledger who does not listen there.
    case unknown(ManagementError)

    private static let looking = BlockingExecutor(label: "dropgate.presence", width: 1)

    package static func look(_ settings: GateSettings) async -> GatePresence {
        let control = ControlClient(path: settings.layout.controlSocket)
        do {
            if try await control.isThere() { return .yes(control) }
            do {
                let ledger = settings.ledgerHandle
                try await looking.run { try ledger.requireNoWriter() }
                return .no
            } catch let error as LedgerError where error.code == .locked {
                // It may have come to listen while it was waited for.
                if try await control.isThere() { return .yes(control) }
                return .unknown(Self.writer(error))
            }
        } catch {
            let known = ManagementError.of(error)
            return .unknown(
                ManagementError(
                    known?.code ?? .internalError, "\(unknown): \(known?.message ?? "\(error)")",
                    fix: known?.fix
                        ?? "run this as the gate's own user; if that does not help, check the gate's log",
                    retryAfter: known?.retryAfter, cause: error))
        }
    }

    private static let unknown = "whether a gate runs is not known"

    /// A gate takes the ledger before it listens: bringing one of an older format up to date takes a while. And it gives the
    /// ledger up last.
    private static func writer(_ error: LedgerError) -> ManagementError {
        ManagementError(
            .unavailable, "\(unknown): nobody listens on its control socket, and \(error.message)",
            fix:
                "a gate is starting or stopping (its log says so), or a command writes the ledger: try again in a moment; if this "
                + "persists, restart the gate",
            retryAfter: 5, cause: error)
    }
}
