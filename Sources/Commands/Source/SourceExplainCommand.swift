// `dropgate source explain`: the decision on an address, by the lists and the listener's own address mode.
import Admission
import ArgumentParser
import JSON
import Management

struct SourceExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say whether an address is let in, and why.",
        discussion: """
            For a time in the past, the lists that were in force then decide: every version of the lists is kept \
            beside the ledger, and the entries of starts and changes name it. If that version is not known, that is the answer; \
            today's lists are never used in its place. If the files have mistakes, the lists in force decide.

            --entry and --drop show who answers for what was let in: the list entries of that time, with owner, document \
            and review date.

            Exit status 0: admitted on every channel that was asked about; 1: rejected on one of them, or not known. With \
            --entry or --drop, 0: the attempt was let in, and what the lists said about it is known; 1: it was rejected, or \
            what they said is not known.

            EXAMPLES
              dropgate source explain 20.21.208.105
              dropgate source explain 20.21.208.105 --at 2026-11-20T08:00:00Z  by the lists of that moment
              dropgate source explain 20.21.208.105 --channel sftp --at 2027-03-01
              dropgate source explain --entry 1288                         which list entry let this attempt in
              dropgate source explain --drop 01jd2k7q0z5v9m3w8x4y6t1r2s    which list entry let this file in
              dropgate source explain 20.21.208.105 --peer 10.0.0.5        calling through this proxy
              dropgate source explain --peer 10.0.0.5 --forwarded-for "203.0.113.9, 20.21.208.105"
              dropgate source explain --peer 10.0.0.5                      this peer itself, without headers
            """)

    @Argument(
        help: "The calling address. Leave it out if the headers give it, or if the peer itself calls.")
    var ip: String?

    @Option(help: "webhook or sftp. Default: both.")
    var channel: Channel?

    @Option(
        help: ArgumentHelp("The other end of the connection: a proxy in front of the gate.", valueName: "ip"))
    var peer: String?

    @Option(
        help: ArgumentHelp(
            "An X-Forwarded-For header, as the gate receives it; repeatable.", valueName: "line"))
    var forwardedFor: [String] = []

    @Option(
        help: ArgumentHelp(
            "A Forwarded header (RFC 7239), as the gate receives it; repeatable.", valueName: "line"))
    var forwarded: [String] = []

    @Option(help: ArgumentHelp("Decide as of this moment: \(Moment.help).", valueName: "time"))
    var at: Moment?

    @Option(
        help: ArgumentHelp(
            "Show who answers for what this ledger entry let in or refused.", valueName: "seq"))
    var entry: Int64?

    @Option(
        help: ArgumentHelp("Show who answers for letting this drop in.", valueName: "id"),
        transform: ArgumentText.notEmpty)
    var drop: String?

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func validate() throws {
        let hasHeaders = !forwardedFor.isEmpty || !forwarded.isEmpty
        if entry != nil || drop != nil {
            let others = ip != nil || peer != nil || hasHeaders || at != nil || channel != nil
            guard !others, entry == nil || drop == nil else {
                throw ValidationError(
                    "--entry and --drop stand alone: address, channel and time are those of the attempt")
            }
            return
        }
        if hasHeaders, peer == nil {
            throw ValidationError("headers come from a proxy: give its address with --peer")
        }
        if hasHeaders, ip != nil {
            throw ValidationError("give the calling address or the headers, not both")
        }
        if ip == nil, peer == nil {
            throw ValidationError("give the calling address, as in: explain 20.21.208.105")
        }
        if channel == .console {
            throw ValidationError("the console has no source list; ask for webhook or sftp")
        }
    }

    func run() throws {
        let service = SourceService(try gate.settings())
        if let entry { return try show(try service.approval(ofEntry: entry)) }
        if let drop { return try show(try service.approval(ofDrop: drop)) }
        var question = SourceQuestion()
        question.ip = try ip.map(ArgumentText.address)
        question.peer = try peer.map(ArgumentText.address)
        question.headers = ["x-forwarded-for": forwardedFor, "forwarded": forwarded]
        let channels = channel.map { [$0] } ?? [.webhook, .sftp]
        if let note = at?.note("--at") { Output.note(note) }
        let moment = at.flatMap { $0.isNow ? nil : $0.instant }
        let explanation = try service.explain(question, on: channels, at: moment)
        explanation.lists.warn()
        try Output.answer {
            if output.isJSON {
                try Output.json(explanation.json(channels: channels))
            } else if case .failure(let unknown) = explanation.lists.policy {
                try Output.line(
                    "\(Colour.yellow("unknown"))  the lists in force at \(explanation.moment) are not known")
                try Output.line("  - \(unknown)")
            } else {
                for (channel, decision) in explanation.decisions {
                    try decision.print(channel: channel, lists: explanation.lists)
                    if let near = explanation.neighbour(of: decision) {
                        try Output.line(
                            "  near     \(near.summary): ask VSee whether it also calls from this address")
                    }
                }
            }
        } then: {
            if explanation.decisions.isEmpty || explanation.decisions.contains(where: { !$1.isAdmitted }) {
                throw ExitCode(ExitStatus.no.rawValue)
            }
        }
    }

    private func show(_ approval: Approval) throws {
        try Output.answer {
            if output.isJSON { try Output.json(approval.json) } else { try ApprovalText(approval).print() }
        } then: {
            if !approval.isLetIn { throw ExitCode(ExitStatus.no.rawValue) }
        }
    }
}

extension SourceLists {
    /// Says loudly, beside the answer, what must be known of its lists.
    func warn() {
        if !problems.isEmpty {
            Output.error(
                "the files of the source lists have mistakes and are NOT in force:", prefix: "WARNING: ")
            for problem in problems { Output.note("  \(problem)") }
            if let origin { Output.note("  this answer uses the lists \(origin)") }
        }
        for note in notes { Output.error(note, prefix: "note: ") }
    }
}

extension Decision {
    func print(channel: Channel, lists: SourceLists) throws {
        let colour: Colour = verdict == .accepted ? .green : verdict == .observed ? .yellow : .red
        let who = source?.ip.description ?? "an unknown source"
        try Output.line("\(colour(verdict.rawValue))  \(who) on \(channel.rawValue): \(reason.rawValue)")
        if !entries.isEmpty { try Output.line("  entries  \(entries.joined(separator: ", "))") }
        // Lists that only refuse (`SourceLists.narrowing`) never came into force.
        let origin = policy == lists.version ? lists.origin : nil
        try Output.line("  policy   \(policy)" + (origin.map { ", \($0)" } ?? ""))
        for step in trace { try Output.line("  - \(step)") }
    }
}
