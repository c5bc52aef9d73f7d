// `dropgate account list`: all accounts, and the files that are no good.
import Accounts
import Admission
import ArgumentParser
import JSON
import Management

struct AccountListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show all accounts.",
        discussion: "If account files cannot be read, it names them on stderr and ends with status 78.")

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let accounts = AccountService(try gate.settings())
        let listing = try accounts.list()
        try Output.answer {
            try show(listing, accounts.directory)
        } then: {
            try listing.check()
        }
    }

    private func show(_ listing: AccountService.Listing, _ directory: String) throws {
        if output.isJSON {
            try Output.json(.array(listing.accounts.map(\.json)))
        } else if listing.accounts.isEmpty {
            let kept = listing.isAnyKept ? "; a running gate keeps using those that it read before" : ""
            try Output.line(
                listing.problems.isEmpty
                    ? "no accounts in \(directory); `dropgate account add NAME --key FILE` makes one"
                    : "no account in \(directory) can be read\(kept)")
        } else {
            var table = TextTable(["ACCOUNT", "STATE", "ROLE", "LOGIN BY", "CREATED", "NOTE"])
            for account in listing.accounts {
                table.add([
                    account.name, account.disabled ? "disabled" : "enabled", account.roleSummary,
                    account.credentials,
                    account.created?.day ?? "-", account.note.map(UntrustedText.line) ?? "",
                ])
            }
            try Output.table(table) { $0 == 1 && $1 == "disabled" ? Colour.yellow($1) : $1 }
        }
    }
}
