// `dropgate source explain`: the decision on an address, by the lists and the listener's own address mode.
import Admission
import ArgumentParser
import JSON
import Management

struct SourceExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say whether an address is let in, and why.",
        discussion: """
            Exit status 0: admitted on every channel that was asked about; 1: rejected on one of them.

            EXAMPLES
              dropgate source explain 20.21.208.105
              dropgate source explain 20.21.208.105 --channel sftp --at 2027-03-01
              dropgate source explain 20.21.208.105 --peer 10.0.0.5        passed on by this proxy
              dropgate source explain --peer 10.0.0.5 --forwarded-for "203.0.113.9, 20.21.208.105"
              dropgate source explain --peer 10.0.0.5                      which says nothing of another address
            """)

    @Argument(
        help: "The address that calls. Leave it out when headers say it, or when the peer itself calls.")
    var ip: String?

    @Option(help: "webhook or sftp; both when not given.")
    var channel: Channel?

    @Option(help: ArgumentHelp("The other end of the socket: a proxy in front of the gate.", valueName: "ip"))
    var peer: String?

    @Option(
        help: ArgumentHelp("A line of X-Forwarded-For, as the gate gets it; repeatable.", valueName: "line"))
    var forwardedFor: [String] = []

    @Option(
        help: ArgumentHelp(
            "A line of Forwarded (RFC 7239), as the gate gets it; repeatable.", valueName: "line"))
    var forwarded: [String] = []

    @Option(help: ArgumentHelp("Decide as of this moment: \(Moment.help).", valueName: "time"))
    var at: Moment?

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func validate() throws {
        let hasHeaders = !forwardedFor.isEmpty || !forwarded.isEmpty
        if hasHeaders, peer == nil {
            throw ValidationError("headers come from a proxy: say its address with --peer")
        }
        if hasHeaders, ip != nil {
            throw ValidationError("give the calling address, or the headers that say it")
        }
        if ip == nil, peer == nil {
            throw ValidationError("say which address calls, as in: explain 20.21.208.105")
        }
        if channel == .console {
            throw ValidationError("the console has no source list; ask for webhook or sftp")
        }
    }

    func run() throws {
        var question = SourceQuestion()
        question.ip = try ip.map(ArgumentText.address)
        question.peer = try peer.map(ArgumentText.address)
        question.headers = ["x-forwarded-for": forwardedFor, "forwarded": forwarded]
        let decisions = try SourceService(gate.settings()).explain(
            question, on: channel.map { [$0] } ?? [.webhook, .sftp], at: at?.instant ?? .now())
        try Output.answer {
            if output.isJSON { return try Output.json(.array(decisions.map { $1.json(channel: $0) })) }
            for (channel, decision) in decisions { try decision.print(channel: channel) }
        } then: {
            if decisions.contains(where: { !$1.isAdmitted }) { throw ExitCode(ExitStatus.no.rawValue) }
        }
    }
}

extension Decision {
    func print(channel: Channel) throws {
        let colour: Colour = verdict == .accepted ? .green : verdict == .observed ? .yellow : .red
        let who = source?.ip.description ?? "an unknown source"
        try Output.line("\(colour(verdict.rawValue))  \(who) on \(channel.rawValue): \(reason.rawValue)")
        if !entries.isEmpty { try Output.line("  entries  \(entries.joined(separator: ", "))") }
        try Output.line("  policy   \(policy)")
        for step in trace { try Output.line("  - \(step)") }
    }
}
