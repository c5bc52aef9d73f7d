// `dropgate drops list`: drops, newest first; or released ones as they come.
import Admission
import ArgumentParser
import JSON
import Ledger
import Management
import Settings
import Staging

struct DropsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show drops, newest first.",
        discussion: """
            STATES
              pending       accepted, but not released yet: it settles, or waits for its final name
              released      lies under ready/
              taken         gone from ready/: a consumer took it, but has not acknowledged it
              acknowledged  its consumer said that it is done with it
              withdrawn     taken back by its sender, or by `drops withdraw`; in quarantine/
              lost          could not be released; see the log
              forgotten     done with so long ago that its receipt was removed

            --follow shows each released drop once, as it is released: in the order of the drops' entries, except for \
            those that are released later than drops behind them. Drops that already wait come first. A consumer that was \
            interrupted continues with --after and the `position` (--format json) of the last drop that it finished. Drops \
            that were acknowledged or taken in the meantime are left out.

            With --format json, each line has the members of the drop's receipt, and what has become of the drop; \
            .github/guides/consuming.md describes them.
            """)

    @Option(help: ArgumentHelp("A state; repeatable.", valueName: "state"), transform: DropsListCommand.state)
    var state: [DropState] = []

    @Flag(help: "Only drops that wait for a consumer: released, not acknowledged, and still there.")
    var waiting = false

    @Flag(
        help:
            "Show the events held in quarantine instead, oldest first; see `drops release` and `drops withdraw`."
    )
    var held = false

    @Option(help: "Show at most this many; 0 for all. Default: 50.")
    var limit: Int?

    @Flag(help: "Keep showing drops as they are released, each once.")
    var follow = false

    @Option(
        help: ArgumentHelp(
            "With --follow: continue after this drop, given by its `position` or its `seq`.",
            valueName: "position"))
    var after: String?

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    private static func state(_ word: String) throws -> DropState {
        guard let state = DropState(word: word) else {
            throw ValidationError(
                "\"\(word)\" is not a state; write one of \(DropState.words.joined(separator: ", "))")
        }
        return state
    }

    func validate() throws {
        if waiting, held || !state.isEmpty {
            throw ValidationError("--waiting cannot be combined with --state or --held")
        }
        if held, !state.isEmpty {
            throw ValidationError("--held cannot be combined with --state: what is held has no state yet")
        }
        if follow, waiting || held || !state.isEmpty || limit != nil {
            throw ValidationError("--follow cannot be combined with --state, --waiting, --held or --limit")
        }
        if let after, !follow || StreamPosition(after) == nil {
            throw ValidationError("--after: give the position of a drop, or its seq, together with --follow")
        }
        if let limit, limit < 0 {
            throw ValidationError("--limit: write how many drops to show, or 0 for all")
        }
    }

    func run() async throws {
        let settings = try gate.settings()
        let drops = DropService(settings)
        if follow { return try await follow(drops, settings) }
        let most = limit == 0 ? Int.max : limit ?? 50
        let views =
            held
            ? try drops.held(limit: most)
            : waiting ? try drops.waiting(limit: most) : try drops.list(states: Set(state), limit: most)
        if output.isJSON {
            for view in views { try Output.json(try view.json(staging: settings.staging.path)) }
            return
        }
        if held { return try showHeld(views) }
        var table = TextTable(["DROP", "RECEIVED", "STATE", "BYTES", "FILE IN STAGING"])
        for view in views {
            table.add([
                view.receipt.drop, view.receipt.received.prefix(19) + "Z", view.state,
                view.bytes.map { "\($0)" } ?? "-", UntrustedText.stored(view.receipt.file),
            ])
        }
        try Output.table(table) { $0 == 2 && $1 == "lost" ? Colour.red($1) : $1 }
    }

    /// Until nobody reads it any more.
    private func follow(_ drops: DropService, _ settings: GateSettings) async throws {
        var stream = try drops.stream(after: after.flatMap(StreamPosition.init))
        while !Output.isReaderGone {
            let seen = stream.position
            for (view, position) in try stream.next() {
                if output.isJSON {
                    try Output.json(
                        try view.json(staging: settings.staging.path, ["position": .string("\(position)")]))
                } else {
                    try Output.line("\(view.receipt.drop)  \(UntrustedText.stored(view.receipt.file))")
                }
            }
            guard stream.position == seen else { continue }
            do { try await Task.sleep(for: .milliseconds(250)) } catch { return }
        }
    }

    private func showHeld(_ views: [DropView]) throws {
        var table = TextTable(["DROP", "RECEIVED", "SOURCE", "REASON", "EVENT", "BYTES"])
        for receipt in views.map(\.receipt) {
            table.add([
                receipt.drop, receipt.received.prefix(19) + "Z", receipt.source ?? "-", receipt.reason ?? "-",
                UntrustedText.stored("\(receipt.eventType ?? "-") \(receipt.eventID ?? "")"),
                "\(receipt.bytes)",
            ])
        }
        try Output.table(table)
    }
}
