// `dropgate source remove`: one entry less in a list file; every other line of the file stays.
import Admission
import ArgumentParser
import Management

struct SourceRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove an entry from a source list.",
        discussion: """
            Exit status 1 when there is no such entry, or when the list would be left empty.

            EXAMPLES
              dropgate source remove 192.0.2.17
              dropgate source remove 20.21.208.105 --service messenger --list vsee-qatar
            """)

    @Argument(help: "The block as `source list` shows it.")
    var cidr: String

    @Option(help: "Only this service's entry; else every entry of the block.")
    var service: String?

    @Option(help: ArgumentHelp("Name or file of the list; needed when there are several.", valueName: "list"))
    var list: String?

    @OptionGroup var gate: GateOptions

    func run() throws {
        let removed = try SourceService(gate.settings()).remove(
            ArgumentText.block(cidr), service: service, from: list)
        for entry in removed { try Output.line("- \(entry.summary)") }
    }
}
