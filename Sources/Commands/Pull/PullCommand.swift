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
            fetched (going on where an earlier pull was cut off), compared with the size and SHA-256 of its receipt, \
            taken over here under its id with its original source and held, acknowledged there, and then released here. \
            No drop comes twice. A drop that its sender takes back there before it is acknowledged is not released: if it \
            was fetched already, it goes to quarantine here. Pull works beside a running gate and without one; a gate may \
            start or stop meanwhile. A round takes 10,000 drops at most and says how many are left. Give each gate that \
            pulls an account of its own: after an interruption, the other gate tells an account only what that account \
            has acknowledged.

            EXAMPLES
              dropgate pull sftp://collector@gate.example:2222/ --key id_ed25519 --host-key SHA256:…
              dropgate pull sftp://collector@gate.example/ --key id_ed25519 --known-hosts hosts --every 30s

            EXIT STATUS
              0 all that waited was fetched, but for what a consumer of the other gate took, or its sender took back (a note \
            says so)
              1 something was not, the gate was not reached, or the account there is no collector's
              75 all that did not come found no place here, because a directory of staging is a link, say, or closed to this \
            gate: once that is mended the next pull brings it
            """)

    @Argument(help: "The other gate: sftp://USER@HOST:PORT/.")
    var gateURL: String

    @Flag(help: "Fetch what waits, then end (the default).")
    var once = false

    @Option(
        help: ArgumentHelp("Keep fetching, this long after each round, until SIGTERM.", valueName: "time"))
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
            throw ValidationError("a gate is fetched from its root: leave the directory out of the URL")
        }
        guard !login.hostKey.isEmpty || login.knownHosts != nil else {
            throw ValidationError("pin the other gate's host key: --host-key SHA256:… or --known-hosts FILE")
        }
        guard login.key != nil || login.passwordFile != nil || login.agent else {
            throw ValidationError("log in by something: --key FILE, --password-file FILE or --agent")
        }
        guard !once || every == nil else { throw ValidationError("give --once or --every, not both") }
        if let every, !(.seconds(1)...ProbeDuration.longestPause ~= every.duration) {
            throw ValidationError(
                "--every: at least 1s, at most \(Quantity.text(duration: ProbeDuration.longestPause))")
        }
        guard timeout.duration > .zero, timeout.duration <= .seconds(3600) else {
            throw ValidationError("--timeout: more than nothing, at most 1h")
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
                .configuration, "what root fetches, the gate's user could not open",
                fix:
                    "run this as the user to whom \(settings.state) belongs (`sudo -u dropgate dropgate pull`)"
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
                Output.note("drop \(id) is passed over: its consumer there took or acknowledged it before")
            }
        }
        if every == nil, let first = summary.own.first {
            Output.note(
                "\(Counted.text(summary.own.count, "drop", "drops")) there, \(first) for one, did not come here from that gate: nothing "
                    + "was acknowledged, and its own consumers still get them. Is it this gate itself, or one that pulls from this one?"
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
