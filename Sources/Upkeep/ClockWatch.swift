// Tells when the machine's clock is set: an entry and a warning, and a problem for as long as the clock is behind the ledger's
// newest entry, whose times rise whatever the clock says. It changes no time and no decision.
import Admission
import Blocking
import Foundation
package import Intake
import JSON
import Ledger
import Logging
import ServiceLifecycle
import Synchronization

/// Looks every second, and once before the gate opens its doors.
package final class ClockWatch: Service {
    /// The name of the problem in the gate's health.
    package static let problem = "clock"
    /// What time servers correct without a word: less than that is no change.
    package static let tolerance = Duration.seconds(3)
    private static let interval = Duration.seconds(1)
    /// Changes that wait for a ledger that cannot be written.
    private static let mostWaiting = 64

    private struct State {
        /// At the last look.
        var clock: Instant
        var uptime: Duration
        var isFirst = true
        var unrecorded: [ClockChange] = []
    }

    private let intake: Intake
    private let uptime: @Sendable () -> Duration
    private let state: Mutex<State>
    private let executor = BlockingExecutor(label: "clock watch", width: 1)

    /// - Parameter uptime: a clock that nobody sets, and that goes on while the machine sleeps.
    package init(_ intake: Intake, uptime: @escaping @Sendable () -> Duration = { MachineTime.uptime }) {
        self.intake = intake
        self.uptime = uptime
        state = Mutex(State(clock: intake.now, uptime: uptime()))
    }

    package func run() async throws {
        await withTaskExecutorPreference(executor) {
            await cancelWhenGracefulShutdown {
                while !Task.isCancelled {
                    await self.look()
                    try? await Task.sleep(for: Self.interval)
                }
            }
        }
    }

    /// One look. What cannot be recorded is tried again by the next one.
    package func look() async {
        let clock = intake.now
        let behind = isBehind(clock)
        let uptime = uptime()
        let changes = state.withLock { state -> [ClockChange] in
            let jump = (clock - state.clock) - (uptime - state.uptime)
            let isFirst = state.isFirst
            (state.clock, state.uptime, state.isFirst) = (clock, uptime, false)
            if abs(jump.components.seconds) >= Self.tolerance.components.seconds {
                return [ClockChange(seconds: jump.components.seconds, isAtStart: false, clock: clock)]
            }
            guard isFirst, let behind else { return [] }
            return [ClockChange(seconds: -behind.components.seconds, isAtStart: true, clock: clock)]
        }
        for change in changes { intake.logger.warning("\(change.summary)") }
        let waiting = state.withLock { state in
            defer { state.unrecorded = [] }
            return Array((state.unrecorded + changes).suffix(Self.mostWaiting))
        }
        for change in waiting { await record(change) }
    }

    /// Nil: the clock is not behind the ledger. Else by how much, and the problem says so.
    private func isBehind(_ clock: Instant) -> Duration? {
        // Without a ledger there are greater troubles, which are told by those who write it.
        guard let newest = try? intake.ledgerTime() else { return nil }
        guard newest - clock >= Self.tolerance else {
            if intake.health.clear(problem: Self.problem) {
                intake.logger.notice("the machine's clock is not behind the ledger any more")
            }
            return nil
        }
        let message =
            "the machine's clock is behind the ledger's newest entry: until it says \(newest), new entries have that time, "
            + "a microsecond apart, with the clock's own beside it; correct the clock (timedatectl, chronyc tracking)"
        intake.health.set(problem: Self.problem, message: message)
        return newest - clock
    }

    private func record(_ change: ClockChange) async {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .observed, reason: .changed)
        attempt.policy = intake.policy.version
        attempt.detail[ClockChange.member] = change.json
        attempt.detail["message"] = .string(change.summary)
        do {
            try await intake.record(attempt)
        } catch {
            state.withLock { $0.unrecorded.append(change) }
        }
    }
}

/// The machine's clocks beside the wall clock.
package enum MachineTime {
    /// Since the machine's start, sleep included (CLOCK_BOOTTIME).
    package static var uptime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}
