// `dropgate rules`: VSee's network rules as a table, as firewall rules, and tried from this machine.
import ArgumentParser
import Management

struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "VSee's network rules: list, firewall export, checks.",
        discussion: """
            The rules are files beside the settings (rules/*.yaml), row by row as VSee's document has them; without \
            any, the rules that came with this program. What the document does not show is said and never guessed.
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
            "A host for a server or a row of the rules, as in '*.vsee.qa=app.vsee.qa'; may be repeated.",
            valueName: "pattern=host"))
    var hosts: [String] = []
}
