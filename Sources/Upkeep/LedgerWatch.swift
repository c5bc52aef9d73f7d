// Looks whether the ledger is this process's to write: its files may be moved, and its lock removed. Once another process has written it
// the gate ends: what it knows of drops and callers lacks what came meanwhile, and a new start reads all of it.
import Blocking
package import Intake
import Ledger
import ServiceLifecycle

/// Looks every second. Between two looks nothing is accepted into a ledger that is another's: each commit looks, too.
package final class LedgerWatch: Service {
    private static let interval = Duration.seconds(1)

    private let intake: Intake
    private let executor = BlockingExecutor(label: "ledger watch", width: 1)

    package init(_ intake: Intake) { self.intake = intake }

    /// Throws `LedgerError(.outrun)`.
    package func run() async throws {
        try await withTaskExecutorPreference(executor) {
            try await cancelWhenGracefulShutdown {
                while !Task.isCancelled {
                    try self.intake.lookAtLedger()
                    try? await Task.sleep(for: Self.interval)
                }
            }
        }
    }
}
