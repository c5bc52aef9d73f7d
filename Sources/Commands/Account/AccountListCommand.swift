// `dropgate account list`: all accounts, and the files that are no good.
import Accounts
import Admission
import ArgumentParser
import JSON
import Ledger
import SFTPReceiver
import Settings

struct AccountListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show all accounts.",
        discussion: "Files that cannot be read are named on stderr, and the exit status is 78.")

    @OptionGroup var options: AccountOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let store = try options.store()
        let listing: AccountListing?
        do throws(AccountError) {
            listing = try store.load()
        } catch {
            // No directory yet: no accounts yet.
            guard error.code == .notFound else { throw error }
            listing = nil
        }
        let accounts = (listing?.accounts ?? [:]).values.sorted { $0.name < $1.name }
        if output.isJSON {
            Output.json(.array(accounts.map(\.json)))
        } else if accounts.isEmpty {
            Output.line("no accounts in \(store.directory); `dropgate account add NAME --key FILE` makes one")
        } else {
            var table = TextTable(["ACCOUNT", "STATE", "ROLE", "LOGIN BY", "CREATED", "NOTE"])
            for account in accounts {
                table.add([
                    account.name, account.disabled ? "disabled" : "enabled", account.roleSummary,
                    account.credentials,
                    account.created?.day ?? "-", account.note.map(UntrustedText.line) ?? "",
                ])
            }
            for line in table.lines(colour: { $0 == 1 && $1 == "disabled" ? Colour.yellow($1) : $1 }) {
                Output.line(line)
            }
        }
        let problems = (listing?.problems ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value.problems)
        guard problems.isEmpty else { throw SettingsErrors(problems) }
    }
}
