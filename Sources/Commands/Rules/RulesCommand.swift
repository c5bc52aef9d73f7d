// `dropgate rules`: VSee's network rules as a table, as firewall rules, and tried from this machine.
import ArgumentParser
import RuleBook
import Settings

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
    /// The rule books of the settings; without settings or rule files, the shipped one.
    func ruleBooks() throws -> [RuleBook] {
        guard locate() != nil else { return try RuleBookLoader.load(files: []) }
        return try RuleBookLoader.load(files: settings().rules)
    }
}

struct HostOptions: ParsableArguments {
    @Option(
        name: .customLong("host"),
        help: ArgumentHelp(
            "A host for a server or a row of the rules, as in '*.vsee.qa=app.vsee.qa'; may be repeated.",
            valueName: "pattern=host"))
    var hosts: [String] = []

    func map(for books: [RuleBook]) throws -> HostMap {
        var map = HostMap()
        for text in hosts where !map.add(text) {
            throw ValidationError("--host \(text): write PATTERN=HOST, as in '*.vsee.qa=app.vsee.qa'")
        }
        let unknown = map.unknown(in: books)
        guard unknown.isEmpty else {
            throw ValidationError(
                "--host \(unknown.joined(separator: ", ")): neither a server nor a row of the rules; see "
                    + "`dropgate rules list`")
        }
        return map
    }
}
