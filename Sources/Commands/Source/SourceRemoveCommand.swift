// `dropgate source remove`: one entry less in a list file; every other line of the file stays.
import Admission
import ArgumentParser
import Management

struct SourceRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove an entry from a source list.",
        discussion: """
            Removes every entry of a block, or of one service in it, from one list; with --id, only the entry with that id, even if \
            others have the same block and service. Warns about callers of the last 30 days that are refused from now on.

            Exit status 1 when there is no such entry, or when the list would be left empty.

            EXAMPLES
              dropgate source remove 192.0.2.17
              dropgate source remove 20.21.208.105 --service messenger --list vsee-qatar
              dropgate source remove --id vsee-qatar/clinic
            """)

    @Argument(help: "The block as `source list` shows it.")
    var cidr: String?

    @Option(
        help: "Instead of a block: only the entry with this id, as `source list` shows it.",
        transform: ArgumentText.notEmpty)
    var id: String?

    @Option(
        help: "Only this service's entry. Default: every entry of the block.",
        transform: ArgumentText.notEmpty)
    var service: String?

    @Option(
        help: ArgumentHelp("Name or file of the list; needed when there are several.", valueName: "list"),
        transform: ArgumentText.notEmpty)
    var list: String?

    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func validate() throws {
        guard (cidr == nil) != (id == nil) else { throw ValidationError("give a block or --id, not both") }
        if id != nil, service != nil || list != nil {
            throw ValidationError("--service and --list go with a block; an id already contains both")
        }
    }

    func run() async throws {
        if let id {
            try await gate.change(.remove(id), remark)
        } else if let cidr {
            try await remove(cidr)
        }
    }

    private func remove(_ block: String) async throws {
        let sources = SourceService(try gate.settings())
        let effect = ListChangeEffect(sources)
        let removed = try await sources.remove(
            ArgumentText.block(block), service: service, from: list, by: remark.attribution(),
            warn: { Output.note($0) })
        var answer = LastingOutput()
        for entry in removed { try answer.line("- \(entry.summary)") }
        effect.tell()
        try answer.finish()
    }
}
