// `dropgate token list`: all tokens, and the files that are no good.
import Admission
import ArgumentParser
import JSON
import Management

struct TokenListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show all tokens, without the tokens themselves.",
        discussion: "If token files cannot be read, it names them on stderr and ends with status 78.")

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let listing = try TokenService(gate.settings()).list()
        try Output.answer {
            try show(listing.tokens)
        } then: {
            for problem in listing.problems { Output.error(problem) }
            if !listing.problems.isEmpty { throw ExitCode(ExitStatus.configuration.rawValue) }
        }
    }

    private func show(_ tokens: [ConsoleToken]) throws {
        let now = Instant.now()
        if output.isJSON { return try Output.json(.array(tokens.map { $0.json(at: now) })) }
        guard !tokens.isEmpty else {
            return try Output.line("no tokens; `dropgate token add NAME --role ROLE` makes one")
        }
        var table = TextTable(["TOKEN", "ROLE", "CREATED", "EXPIRES", "NOTE"])
        for token in tokens {
            table.add([
                token.name, token.role.rawValue, token.created.day,
                token.expires.map { $0.day + (token.isGood(at: now) ? "" : " (expired)") } ?? "-",
                token.note.map(UntrustedText.line) ?? "",
            ])
        }
        try Output.table(table) { $0 == 3 && $1.contains("expired") ? Colour.yellow($1) : $1 }
    }
}
