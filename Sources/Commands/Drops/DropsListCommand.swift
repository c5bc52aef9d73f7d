// `dropgate drops list`: drops, newest first.
import Admission
import ArgumentParser
import Ledger
import Management
import Settings
import Staging

struct DropsListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show drops, newest first.",
        discussion: """
            STATES
              pending       accepted; it settles, or waits for its final name
              released      lies under ready/ (or its consumer has taken it)
              acknowledged  its consumer said it is done
              withdrawn     taken back by its sender; in quarantine/
              lost          could not be released; see the log
              forgotten     done so long ago that its receipt was removed
            """)

    @Option(help: ArgumentHelp("A state; repeatable.", valueName: "state"), transform: DropsListCommand.state)
    var state: [DropState] = []

    @Flag(help: "Events that are held in quarantine instead, oldest first; see `drops release`.")
    var held = false

    @Option(help: "How many; 0: all.")
    var limit = 50

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
        if held, !state.isEmpty { throw ValidationError("--held: what is held has no state yet") }
        if limit < 0 { throw ValidationError("--limit: write how many drops to show, or 0 for all") }
    }

    func run() throws {
        let settings = try gate.settings()
        let drops = DropService(settings)
        let most = limit == 0 ? Int.max : limit
        if held { return try showHeld(drops.held(limit: most)) }
        let views = try drops.list(states: Set(state), limit: most)
        if output.isJSON {
            for view in views { try Output.json(view.json(staging: settings.staging.path)) }
            return
        }
        var table = TextTable(["DROP", "RECEIVED", "STATE", "BYTES", "FILE IN STAGING"])
        for view in views {
            table.add([
                view.record.id, view.record.received.description.prefix(19) + "Z", view.stateWord,
                view.bytes.map { "\($0)" } ?? "-", UntrustedText.stored(view.place),
            ])
        }
        try Output.table(table) { $0 == 2 && $1 == "lost" ? Colour.red($1) : $1 }
    }

    private func showHeld(_ receipts: [Receipt]) throws {
        if output.isJSON {
            for receipt in receipts { try Output.bytes(receipt.encoded()) }
            return
        }
        var table = TextTable(["DROP", "RECEIVED", "SOURCE", "REASON", "EVENT", "BYTES"])
        for receipt in receipts {
            table.add([
                receipt.drop, receipt.received.prefix(19) + "Z", receipt.source ?? "-", receipt.reason ?? "-",
                UntrustedText.stored("\(receipt.eventType ?? "-") \(receipt.eventID ?? "")"),
                "\(receipt.bytes)",
            ])
        }
        try Output.table(table)
    }
}
