// `dropgate rules`: VSee's network rules as a table, as firewall rules, and tried from this machine.
import ArgumentParser
import Management

struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "VSee's network rules: list, firewall export, checks.",
        discussion: """
            The rules are files next to the settings (rules/*.yaml), row by row as in VSee's document; if there are \
            none, the rules that came with this program. What the document does not show is marked, never guessed.
            """,
        subcommands: [RulesListCommand.self, RulesExportCommand.self, RulesCheckCommand.self])
}

extension GateOptions {
    /// The rules of the settings; without settings, those that came with this program.
    func rules() throws -> RuleService { RuleService(locate() == nil ? nil : try settings()) }
}

struct HostOptions: ParsableArguments {
    @Option(
        name: .customLong("host"),
        help: ArgumentHelp(
            "The host to use for a server or a row of the rules, as in '*.vsee.qa=app.vsee.qa'; may be repeated.",
            valueName: "pattern=host"))
    var hosts: [String] = []
}
