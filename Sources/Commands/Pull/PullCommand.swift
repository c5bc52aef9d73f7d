// `dropgate pull`: fetches released drops from another gate over SFTP and makes them drops of this one.
import Admission
import ArgumentParser
import Management
import Pull
import Reachability
import Settings
import Staging
import UnixSignals

struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetch released drops from another gate, verify them and stage them here.",
        discussion: """
            The other gate needs an account with `role: collector`, and its host key must be pinned. Each drop is \
            fetched (continuing where an earlier pull was cut off), compared with the size and SHA-256 in its receipt, \
            stored here under its id with its original source and held, acknowledged there, and then released here. \
            No drop arrives twice. If a drop's sender takes it back there before it is acknowledged, it is not released: if it \
            was already fetched, it goes to quarantine here. Pull works with or without a running gate; a gate may \
            start or stop in the meantime. A round takes 10,000 drops at most and says how many are left. Give each gate that \
            pulls an account of its own: after an interruption, the other gate tells an account only what that account \
            has acknowledged.

            EXAMPLES
              dropgate pull sftp://collector@gate.example:2222/ --key id_ed25519 --host-key SHA256:…
              dropgate pull sftp://collector@gate.example/ --key id_ed25519 --known-hosts hosts --every 30s

            EXIT STATUS
              0 everything that waited was fetched, except what a consumer of the other gate took or its sender took back (a note \
            says so)
              1 something was not fetched, the gate was not reached, or the account there is not a collector
              75 nothing failed except that drops could not be stored here, because a staging directory is a link, say, or closed to this \
            gate: once that is fixed, the next pull brings them
            """)

    @Argument(help: "The other gate: sftp://USER@HOST:PORT/.")
    var gateURL: String

    @Flag(help: "Fetch what waits, then end (the default).")
    var once = false

    @Option(
        help: ArgumentHelp(
            "Keep fetching until SIGTERM, waiting this long after each round.", valueName: "time"))
    var every: ProbeDuration?

    @Option(help: ArgumentHelp("Call from this address of this machine.", valueName: "address"))
    var source: String?

    @Option(
        help: ArgumentHelp("How long the other gate may be silent: \(ProbeDuration.help).", valueName: "time")
    )
    var timeout = ProbeDuration(.seconds(30))

    @OptionGroup(title: "Login") var login: SSHOptionGroup
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func validate() throws {
        let target = try login.target(gateURL)
        guard target.user != nil else {
            throw ValidationError("name the account: sftp://NAME@HOST:PORT/, or --user NAME")
        }
        guard target.directory.isEmpty else {
            throw ValidationError(
                "drops are fetched from the gate's root: leave the directory out of the URL")
        }
        guard !login.hostKey.isEmpty || login.knownHosts != nil else {
            throw ValidationError("pin the other gate's host key: --host-key SHA256:… or --known-hosts FILE")
        }
        guard login.key != nil || login.passwordFile != nil || login.agent else {
            throw ValidationError("say how to log in: --key FILE, --password-file FILE or --agent")
        }
        guard !once || every == nil else { throw ValidationError("give --once or --every, not both") }
        if let every, !(.seconds(1)...ProbeDuration.longestPause ~= every.duration) {
            throw ValidationError(
                "--every: give at least 1s and at most \(Quantity.text(duration: ProbeDuration.longestPause))"
            )
        }
        guard timeout.duration > .zero, timeout.duration <= .seconds(3600) else {
            throw ValidationError("--timeout: give more than 0 and at most 1h")
        }
        _ = try source.map(ArgumentText.address)
        if login.knownHosts == nil { _ = try login.pins(for: target) }
    }

    func run() async throws {
        let progress = Progress("pulling")
        let round = try makeRound(progress)
        guard let every else {
            let summary = try await finish(round, progress)
            try Output.answer {
                try Output.done("the round is over, and what it fetched is stored") {
                    try tell(summary, of: round)
                }
            } then: {
                if !Self.isWell(summary) {
                    // Once what is in the way here is gone, the same command brings all of it.
                    let status: ExitStatus = summary.mayAllComeLater ? .tryAgain : .no
                    throw ExitCode(status.rawValue)
                }
            }
            return
        }
        try await keepOn(round, progress, every: every.duration)
    }

    private func makeRound(_ progress: Progress) throws -> PullRound {
        let settings = try gate.settings()
        guard SetupOwner(ofLedger: settings) == nil else {
            throw ManagementError(
                .configuration, "the gate's user could not open what root fetches",
                fix:
                    "run this as the user who owns \(settings.state) (`sudo -u dropgate dropgate pull`)"
            )
        }
        let target = try login.target(gateURL)
        guard let credential = try login.credential(), let pins = try login.pins(for: target) else {
            throw ValidationError("a credential and a host key are needed")
        }
        let options = ProbeOptions(source: try source.map(ArgumentText.address), timeout: timeout.duration)
        let origin = try PullOrigin(target, credential: credential, pins: pins, options: options)
        return PullRound(
            settings: settings, from: origin, by: try remark.attribution(),
            progress: { progress.show($0, of: $1) }, warn: { Output.note($0) })
    }

    private static func isWell(_ summary: PullSummary) -> Bool {
        summary.failures.isEmpty && summary.left == 0
    }

    /// One round, with what failed in it.
    private func finish(_ round: PullRound, _ progress: Progress) async throws -> PullSummary {
        defer { progress.end() }
        let summary = try await round.run()
        if every == nil {
            for id in summary.taken {
                Output.note(
                    "drop \(id) is skipped: a consumer of the other gate took or acknowledged it first")
            }
        }
        if every == nil, let first = summary.own.first {
            Output.note(
                "\(Counted.text(summary.own.count, "drop", "drops")) there, such as \(first), came to this gate from elsewhere: nothing "
                    + "was acknowledged, and its own consumers still get them. Is that gate this one, or does it pull from this one?"
            )
        }
        for id in summary.withdrawn {
            Output.note(
                "drop \(id) is in quarantine here: its sender took it back on the other gate, or a consumer there got it, "
                    + "before this gate had acknowledged it"
            )
        }
        for failure in summary.failures { Output.error(UntrustedText.line(failure.why)) }
        return summary
    }

    private func tell(_ summary: PullSummary, of round: PullRound) throws {
        if output.isJSON {
            try Output.json(summary.json(from: round.origin))
        } else if every == nil || summary.isWorthALine {
            try Output.line("\(round.origin): \(summary.text)")
        }
    }

    /// Rounds until SIGTERM or SIGINT; what fails is told and tried again. A round ends between two drops.
    private func keepOn(_ round: PullRound, _ progress: Progress, every pause: Duration) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    do {
                        try await tell(finish(round, progress), of: round)
                    } catch let failure as ManagementError {
                        Output.error(failure.description)
                    } catch let error as StagingError {
                        Output.error("\(error)")
                    } catch {
                        // What is worth another try gets it.
                        guard let known = ManagementError.of(error), known.code == .unavailable else {
                            throw error
                        }
                        Output.error(known.description)
                    }
                    if (try? await Task.sleep(for: pause)) == nil { return }
                }
            }
            group.addTask { for await _ in signals { return } }
            // Whichever ends first ends the other; a failure that a pause does not mend ends both.
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
