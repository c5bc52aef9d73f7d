// Whether a gate runs with these settings. That none runs, and that this process cannot tell, are two answers: whoever takes
// the second for the first says of a gate that runs that it does not.
package import Settings

package enum GatePresence: Sendable {
    /// Nobody listens on its control socket.
    case no
    /// It answers there, of whatever version it is.
    case yes(ControlClient)
    /// This user may not ask, or who listens there does not answer.
    case unknown(ManagementError)

    package static func look(_ settings: GateSettings) async -> GatePresence {
        let control = ControlClient(path: settings.controlSocket)
        do {
            return try await control.isThere() ? .yes(control) : .no
        } catch {
            return .unknown(
                ManagementError(
                    .internalError, "whether a gate runs is not known: \(error.message)",
                    fix: error.fix
                        ?? "run this as the gate's own user; if that does not help, look into the gate's log",
                    cause: error))
        }
    }
}
