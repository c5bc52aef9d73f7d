// Sweeps staging once a minute: interrupted uploads go to quarantine, and what nobody waits for any more is removed when its
// time is over (`Intake.sweepStaging`).
import Blocking
package import Intake
import Logging
import ServiceLifecycle

package struct Retention: Service {
    /// The name of the problem in the gate's health.
    private static let problem = "retention"

    private let intake: Intake
    /// It goes through directories.
    private let executor = BlockingExecutor(label: "retention", width: 1)
    private let ages: AgeClock

    package init(_ intake: Intake, ages: AgeClock? = nil) {
        self.intake = intake
        self.ages = ages ?? AgeClock(intake)
    }

    package func run() async throws {
        await withTaskExecutorPreference(executor) {
            await cancelWhenGracefulShutdown {
                while !Task.isCancelled {
                    await sweep()
                    try? await Task.sleep(for: .seconds(60))
                }
            }
        }
    }

    /// One round. What fails is logged and tried again in the next one.
    package func sweep() async {
        do {
            try await intake.sweepStaging(removesOld: ages.isBelieved())
            intake.health.clear(problem: Self.problem)
        } catch {
            if intake.health.set(
                problem: Self.problem, message: "staging could not be swept of what is old: \(error)")
            {
                intake.logger.error("sweeping staging failed, it is tried again: \(error)")
            }
        }
    }
}
