// Whether sshd does its work, as callers and checks meet it: told to health for as long as it does not, and once to the log.
import Intake
import Logging
import Synchronization

final class SSHDWatch: Sendable {
    private static let problem = HealthProblem.sshd.rawValue
    /// How long after a failure sshd is asked again: its own check does not meet all that a caller meets.
    private static let pause = Duration.seconds(30)

    let kept: KeptFiles
    private let health: Health
    private let logger: Logger
    /// The last time that it failed, while the problem stands.
    private let failedAt = Mutex<ContinuousClock.Instant?>(nil)

    init(_ kept: KeptFiles, health: Health, logger: Logger) {
        self.kept = kept
        self.health = health
        self.logger = logger
    }

    func failed(_ why: String) {
        failedAt.withLock { $0 = .now }
        let message = "no login by SFTP is possible: \(why)"
        if health.set(problem: Self.problem, message: message) { logger.error("\(message)") }
    }

    func works() {
        failedAt.withLock { $0 = nil }
        if health.clear(problem: Self.problem) { logger.notice("logins by SFTP are possible again") }
    }

    /// Before each hand-over: what is gone would be told of the caller.
    func restoreFiles() {
        do {
            guard try kept.restore() else { return }
            logger.warning("files of sshd were gone from \(kept.files.directory), and are written again")
        } catch {
            failed("sshd's files are gone and cannot be written again: \(error)")
        }
    }

    /// Asks sshd itself, some time after it failed: nobody may call while the gate says that it is not ready.
    func checkAgain() async {
        let isDue = failedAt.withLock { failedAt in
            guard let last = failedAt, ContinuousClock.now - last >= Self.pause else { return false }
            failedAt = .now
            return true
        }
        guard isDue else { return }
        restoreFiles()
        do throws(SSHDError) {
            guard try await kept.files.check() == nil else { return }
        } catch {
            return
        }
        works()
    }
}
