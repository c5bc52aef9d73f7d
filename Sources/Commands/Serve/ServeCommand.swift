// `dropgate serve`: the gate itself, until SIGTERM or SIGINT.
import Admission
import ArgumentParser
import Daemon
import Foundation
import Ledger
import Logging
import Management
import Reachability
import SFTPReceiver
import Settings

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the gate, or check its settings.",
        discussion: """
            Runs in the foreground and logs to stderr. On SIGTERM or SIGINT it finishes what is in flight, then stops. \
            Changed source lists take effect within a second, and on SIGHUP; other settings at the next start.

            It refuses to run as root unless you give --allow-root: a gate takes data from outside and needs no root rights \
            for that. For ports below 1024, let the firewall forward them, or give the service CAP_NET_BIND_SERVICE.

            Every key of the settings file can also be set in the environment: webhook.max_body is DROPGATE_WEBHOOK_MAX_BODY, \
            lists are written [a, b].

            Before it opens anything, it makes the checks of `dropgate doctor` that a start depends on: directories, \
            host keys, sshd and its session program, and that the ledger is where it was. A problem that somebody must fix first \
            ends it with 78, and systemd does not try again; one that may pass by itself, such as a full ledger disk, \
            ends it with 75, and systemd tries again. What needs attention soon (certificates that expire within 21 days or have expired, \
            host keys that differ from those of the last start, webhook secrets that can be guessed) is a warning: a start \
            writes it to its log, --check to stderr. --check also asks the witnesses whether the ledger is what they have \
            seen signed.

            EXIT STATUS
              0 a signal stopped it; --check: the gate would start (there may be warnings)
              78 a problem in the settings, lists, files or the ledger's place   23, 24 the ledger is not what was signed
              75 not possible now: the ledger's disk is full, for example, or another process writes the ledger
              70 the gate, the system or the disk failed   64 wrong usage

            EXAMPLES
              dropgate serve --config gate/dropgate.yaml
              dropgate serve --check --config /etc/dropgate/dropgate.yaml   validate and exit with 0, or with the status of a failed start
            """)

    @Flag(help: "Make the checks of a start, validate the accounts, too, and exit.")
    var check = false

    @Flag(help: "Run as root anyway: in a trial, or in a container whose root has no rights outside it.")
    var allowRoot = false

    @Option(help: "trace, debug, info, notice, warning, error or critical.", transform: ServeCommand.level)
    var logLevel = Logger.Level.info

    @OptionGroup var gate: GateOptions

    func run() async throws {
        // By default it ends the process. What it asks for is not lost: the lists are read again once `PolicyReloader` hears it.
        // Programs that the gate starts get the default again (Subprocess).
        if !check {
            signal(SIGHUP, SIG_IGN)
            Output.join(.standardError)
        }
        try OpenSSLCheck.refuseBadConfiguration()
        let settings = try gate.settings(.mustExist)
        let policy = try policy(settings)
        // Before anything is opened: a gate that cannot do its work cuts nobody off, and begins no new ledger.
        let (problems, hostKeys) = await Diagnostics.problems(settings, at: check ? .check : .start)
        try end(problems, .isRefused, with: .configuration)
        if check {
            try end(problems, .isPutOff, with: .tryAgain)
            try report(settings, policy)
            for problem in problems { Output.error("\(problem.area): \(problem.line)", prefix: "warning: ") }
            return
        }
        guard allowRoot || geteuid() != 0 else {
            let next =
                SetupOwner(of: settings.state) == nil
                ? "give it to a user of its own; `dropgate init` says how (\(settings.state) belongs to root)"
                : "start it as the user who owns \(settings.state) (`sudo -u dropgate dropgate serve`)"
            throw ManagementError(
                .configuration, "the gate does not run as root: \(next), or give --allow-root")
        }
        let level = logLevel
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler(label: label, stream: LogStream.standardError)
            handler.logLevel = level
            return handler
        }
        let logger = Logger(label: "dropgate")
        for problem in problems { logger.warning("\(problem.area): \(UntrustedText.visible(problem.line))") }
        try await Gate(
            settings: settings, policy: policy, hostKeys: hostKeys, logger: logger,
            announce: { Output.note($0) }
        ).run()
    }

    /// Tells what lets no gate start, if anything does, and ends with that status.
    private func end(_ problems: [Finding], _ start: Finding.Start, with status: ExitStatus) throws {
        let reasons = problems.filter { $0.start == start }
        guard !reasons.isEmpty else { return }
        for reason in reasons { Output.error(reason.line) }
        throw ExitCode(status.rawValue)
    }

    private static func level(_ word: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: word) else {
            throw ValidationError(
                "--log-level: \"\(word)\" is not one of \(Logger.Level.allCases.map(\.rawValue))")
        }
        return level
    }

    /// Of the source lists. What is wrong with them is told together with what is wrong with accounts, when all is looked at.
    private func policy(_ settings: GateSettings) throws -> Policy {
        do {
            return try PolicyLoader.load(files: settings.sources, isForGate: true)
        } catch {
            guard check, settings.sftp != nil else { throw error }
            throw SettingsErrors(error.problems + (try AccountService(settings).list().problems))
        }
    }

    private func report(_ settings: GateSettings, _ policy: Policy) throws {
        let accounts = try accountCount(settings)
        _ = try LedgerKeys(settings).signer()
        try Output.line("\(try gate.file()): good")
        if let webhook = settings.webhook {
            let scheme = webhook.tls == nil ? "plain HTTP" : "HTTPS"
            try Output.line(
                "  webhook  \(webhook.listen) \(scheme), \(webhook.path), address \(webhook.address.mode.rawValue)"
            )
        }
        if let sftp = settings.sftp {
            try Output.line(
                "  sftp     \(sftp.listen), address \(sftp.address.mode.rawValue), "
                    + "\(Counted.text(accounts, "account", "accounts"))"
            )
        }
        if let console = settings.console { try Output.line("  console  \(console.listen)") }
        try Output.line(
            "  sources  \(Counted.entries(policy.entries.count)) in "
                + "\(Counted.text(settings.sources.count, "list", "lists")), \(policy.version)"
        )
        try Output.line("  state    \(settings.state)")
    }

    private func accountCount(_ settings: GateSettings) throws -> Int {
        guard settings.sftp != nil else { return 0 }
        let listing = try AccountService(settings).list()
        try listing.check()
        return listing.accounts.count
    }
}
