// `dropgate account show`: one account with its keys.
import Accounts
import Admission
import ArgumentParser
import Management

struct AccountShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one account and the fingerprints of its keys.")

    @Argument(help: "The account.", transform: ArgumentText.notEmpty) var name: String
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let accounts = AccountService(try gate.settings())
        let account = try accounts.show(name)
        if output.isJSON { return try Output.json(account.json) }
        try Output.line("\(account.name)  \(account.disabled ? Colour.yellow("disabled") : "enabled")")
        try Output.line("  file      \(accounts.file(of: name))")
        try Output.line("  role      \(account.roleSummary)")
        if let created = account.created { try Output.line("  created   \(created)") }
        if let note = account.note { try Output.line("  note      \(UntrustedText.line(note))") }
        try Output.line("  password  \(account.passwordHash == nil ? "no" : "yes")")
        for key in account.keys {
            try Output.line("  key       \(key.fingerprint)  \(key.type)  \(UntrustedText.line(key.comment))")
        }
    }
}
