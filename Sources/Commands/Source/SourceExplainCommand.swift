// `dropgate source explain`: the decision on an address, by the lists and the listener's own address mode.
import Admission
import ArgumentParser
import JSON
import Management

struct SourceExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say whether an address is let in, and why.",
        discussion: """
            A moment that is over is decided by the lists that were in force then: every version of the lists is kept \
            beside the ledger, and the entries of starts and changes name it. Where it is not known, that is the answer; \
            the lists of today never stand in for it. With mistakes in the files, the lists in force decide.

            --entry and --drop say who answers for what was let in: the list entries of that time, with owner, document \
            and day of review.

            Exit status 0: admitted on every channel that was asked about; 1: rejected on one of them, or not known. With \
            --entry and --drop 0: that attempt was let in, and what the lists said of it is known; 1: it was rejected, or \
            what they said is not known.

            EXAMPLES
              dropgate source explain 20.21.208.105
              dropgate source explain 20.21.208.105 --at 2026-11-20T08:00:00Z  by the lists of that moment
              dropgate source explain 20.21.208.105 --channel sftp --at 2027-03-01
              dropgate source explain --entry 1288                         which list entry let this attempt in
              dropgate source explain --drop 01jd2k7q0z5v9m3w8x4y6t1r2s    which list entry let this file in
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

    @Option(
        help: ArgumentHelp(
            "Who answers for what this entry of the ledger let in, or refused.", valueName: "seq"))
    var entry: Int64?

    @Option(
        help: ArgumentHelp("Who answers for what let this drop in.", valueName: "id"),
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
                            "  near     \(near.summary): ask VSee whether it calls from there, too")
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
            if let origin { Output.note("  the answer is by the lists \(origin)") }
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
