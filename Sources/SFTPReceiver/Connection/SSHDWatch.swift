// Whether sshd does its work, as callers and checks meet it: told to health until a caller gets as far as its name, or sshd's own check
// passes. That check does not meet all that a caller meets: what it misses is told again with the next one.
import Intake
import Logging
import Settings
import Staging
import Synchronization

final class SSHDWatch: Sendable {
    private static let problem = HealthProblem.sshd.rawValue
    /// How long after a failure sshd is asked again: its own check does not meet all that a caller meets.
    static let pause = Duration.seconds(30)
    /// The same where there was no room for another process: there is again as soon as others have ended.
    static let pauseForRoom = Duration.seconds(2)

    private struct Failure: Equatable {
        let at: ContinuousClock.Instant
        /// When sshd is to be asked again.
        var nextLook: ContinuousClock.Instant
        let pause: Duration
    }

    let kept: KeptFiles
    private let health: Health
    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private let check: Check
    /// The last one, while the problem stands.
    private let failure = Mutex<Failure?>(nil)

    /// Has sshd look at its files. Returns what it lacks although it takes them; nil: nothing.
    typealias Check = @Sendable () async throws(SSHDError) -> String?

    /// - Parameter check: nil: sshd's own.
    init(
        _ kept: KeptFiles, health: Health, logger: Logger,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, check: Check? = nil
    ) {
        self.kept = kept
        self.health = health
        self.logger = logger
        self.now = now
        if let check {
            self.check = check
        } else {
            self.check = { () async throws(SSHDError) -> String? in try await kept.files.check() }
        }
    }

    /// - Parameter hadNoRoom: for another process of its own, or for its files.
    func failed(_ why: String, hadNoRoom: Bool = false) {
        let now = now()
        let pause = hadNoRoom ? Self.pauseForRoom : Self.pause
        let message = "no login by SFTP is possible: \(why)"
        // Together with what health says: somebody else may end the failure.
        let isNew = failure.withLock { failure in
            failure = Failure(at: now, nextLook: now + pause, pause: pause)
            return health.set(problem: Self.problem, message: message)
        }
        if isNew { logger.error("\(message)") }
    }

    /// - Parameter start: when the sshd was started that did its work: before the last failure that tells nothing.
    func works(since start: ContinuousClock.Instant) {
        end("logins by SFTP are possible again") { $0.at < start }
    }

    private func end(_ words: String, _ isOver: (Failure) -> Bool) {
        let hasEnded = failure.withLock { failure in
            guard let last = failure, isOver(last) else { return false }
            failure = nil
            return health.clear(problem: Self.problem)
        }
        if hasEnded { logger.notice("\(words)") }
    }

    /// Each second and before each hand-over: what is gone would be told of the caller.
    func restoreFiles() {
        do {
            guard try kept.restore() else { return }
            logger.warning(
                "files of sshd were gone from \(kept.files.layout.directory), and are written again")
        } catch {
            let hadNoRoom = (error as? StagingError)?.code == .full || (error as? SSHDError)?.code == .busy
            failed("sshd's files are gone and cannot be written again: \(error)", hadNoRoom: hadNoRoom)
        }
    }

    /// Asks sshd itself, some time after it failed: nobody may call while the gate says that it is not ready.
    func checkAgain() async {
        let now = now()
        let due = failure.withLock { failure -> Failure? in
            guard var last = failure, now >= last.nextLook else { return nil }
            last.nextLook = now + last.pause
            failure = last
            return last
        }
        guard let due else { return }
        do throws(SSHDError) {
            guard try await check() == nil else { return }
        } catch {
            return
        }
        // A caller may have met the failure again meanwhile.
        end("sshd's own check passes again") { $0 == due }
    }
}
