// The steps of opening the receiver that are not about connections: sshd's files, and what is said about them.
import Accounts
import Admission
import Blocking
import Files
import Glibc
import Intake
import JSON
import Ledger
import Logging
import Metering
import SFTPSession
import Settings
import Staging

extension SSHDFiles {
    /// Files that the installed sshd takes.
    struct Checked: Sendable {
        var files: SSHDFiles
        /// What sshd lacks all the same; nil: nothing.
        var lack: String?
    }

    /// Prepares the directory and finds a configuration that the installed sshd takes.
    static func checked(_ configuration: SFTPReceiver.Configuration) async throws(SSHDError) -> Checked {
        let tools = configuration.tools
        guard tools.sshd != nil else { throw missing }
        guard let session = tools.session else { throw SSHDTools.missingSession }
        // Both wait for programs.
        async let configured = Result.of { () throws(SSHDError) in try await taken(configuration, session) }
        async let checked = Result.of { () throws(SSHDError) in try await tools.checkSession() }
        _ = try await checked.get()
        return try await configured.get()
    }

    private static func taken(
        _ configuration: SFTPReceiver.Configuration, _ session: String
    ) async throws(SSHDError) -> Checked {
        for key in configuration.settings.hostKeys where access(key, R_OK) != 0 {
            throw SSHDError(
                .hostKey,
                "the host key \(key) cannot be read (\(SystemError.last)); "
                    + "`dropgate init` makes host keys")
        }
        let plain = SSHDFiles(configuration, session: session)
        try plain.prepare()
        guard SSHDConfiguration.mayTakeOptionalKeyExchange(await configuration.tools.version()) else {
            let lack = try await plain.writeAndCheck()
            return Checked(files: plain, lack: lack)
        }
        var newest = plain
        newest.configuration.newKeyExchange = SSHDConfiguration.optionalKeyExchange
        do throws(SSHDError) {
            let lack = try await newest.writeAndCheck()
            return Checked(files: newest, lack: lack)
        } catch {
            guard error.code == .refused else { throw error }
            let lack = try await plain.writeAndCheck()
            return Checked(files: plain, lack: lack)
        }
    }

    fileprivate init(_ configuration: SFTPReceiver.Configuration, session: String) {
        let layout = configuration.layout
        let settings = configuration.settings
        self.init(
            tools: configuration.tools,
            configuration: SSHDConfiguration(
                hostKeys: settings.hostKeys, session: session, socket: layout.link,
                keys: layout.keys, takesPasswords: false, isRoot: getuid() == 0,
                loginGrace: max(1, Int(settings.loginGrace.components.seconds)),
                idleTimeout: max(1, Int(settings.idleTimeout.components.seconds)),
                maxSessions: settings.maxSessions, maxAuthTries: settings.maxAuthTries,
                encryptAndMAC: settings.encryptAndMAC),
            layout: layout, ownUser: getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) })
    }

    /// With no accounts; they follow once the files are known to be good.
    private func writeAndCheck() async throws(SSHDError) -> String? {
        do throws(StagingError) { try write(AccountSnapshot()) } catch { throw SSHDError(error) }
        return try await check()
    }
}

extension SFTPReceiver.Configuration {
    fileprivate var layout: SSHDLayout { StateLayout(state).sshd }

    /// Whether sshd's files can lie in a state directory, by its path.
    package static func check(state: String) throws(SSHDError) {
        try SSHDFiles.check(directory: StateLayout(state).sshd.directory)
    }

    /// The same, and whether sshd can be given the paths of host keys and of the session.
    package func checkPaths() throws(SSHDError) { try files.checkPaths() }

    /// Has sshd look at what a start would have it read, and writes nothing of the gate's.
    /// - Returns: what it lacks although it takes that; nil: nothing.
    package func rehearse() async throws(SSHDError) -> String? { try await files.rehearse() }

    /// As of a start. sshd does not look whether the session is there.
    private var files: SSHDFiles { SSHDFiles(self, session: tools.session ?? "/\(SessionProgram.name)") }
}

extension SFTPReceiver {
    static func addMetrics(_ metrics: MetricRegistry, _ table: ConnectionTable, _ sessions: SessionCount) {
        metrics.add("dropgate_sftp_connections", "Connections of SFTP that are open, logged in or not.") {
            [MetricRegistry.Reading(table.count)]
        }
        metrics.add("dropgate_sftp_sessions", "Sessions of SFTP that are logged in.") {
            [MetricRegistry.Reading(sessions.value)]
        }
    }

    static func warnWithoutWrapper(_ files: SSHDFiles, _ intake: Intake, _ logger: Logger) {
        guard files.tools.nssWrapper == nil else {
            intake.health.clear(problem: "sftp.nss_wrapper")
            return
        }
        let message =
            "libnss-wrapper is not installed: only the account named \(files.ownUser ?? "as the service's user") can "
            + "log in, by key only; install libnss-wrapper (Debian: apt-get install libnss-wrapper)"
        intake.health.set(problem: "sftp.nss_wrapper", message: message)
        logger.warning("\(message)")
    }

    /// Says what is new about the accounts: to health, to the log and to the ledger.
    static func report(_ report: AccountReport, _ intake: Intake, _ logger: Logger) {
        if report.problems.isEmpty {
            intake.health.clear(problem: "sftp.accounts")
        } else {
            intake.health.set(problem: "sftp.accounts", message: report.problems.joined(separator: "\n"))
            for problem in report.problems { logger.error("account: \(problem)") }
            var attempt = Attempt(kind: .policy, channel: .sftp, verdict: .rejected, reason: .malformed)
            attempt.detail["accounts"] = .array(
                report.problems.map { .string(UntrustedText.head($0, limit: 512)) })
            attempt.tell(report.files)
            intake.note(attempt)
        }
        guard !report.changes.isEmpty else { return }
        logger.notice("accounts: \(report.changes.joined(separator: ", "))")
        var attempt = Attempt(kind: .policy, channel: .sftp, verdict: .accepted, reason: .changed)
        attempt.detail["accounts"] = .array(report.changes.map { .string($0) })
        attempt.tell(report.files)
        intake.note(attempt)
    }
}
