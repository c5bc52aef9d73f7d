// `dropgate account`: who may log in over SFTP once the source address is admitted.
import Accounts
import ArgumentParser

struct AccountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "SFTP accounts of the gate.",
        discussion: """
            A sender's account is a drop box: it can write files, and never read them back. A collector's account \
            reads and acknowledges what was released, and writes nothing. Accounts are files of the gate, never \
            users of the system. A running gate picks up changes by itself.
            """,
        subcommands: [
            AccountAddCommand.self, AccountListCommand.self, AccountShowCommand.self,
            AccountDisableCommand.self,
            AccountEnableCommand.self, AccountRemoveCommand.self,
        ])
}

extension Account.Role: ExpressibleByArgument {}

extension CollectScope {
    /// "vsee, lab, webhooks".
    var summary: String { (accounts + (webhooks ? ["webhooks"] : [])).joined(separator: ", ") }
}

extension Account {
    /// "sender", or what a collector collects.
    var roleSummary: String { collects.map { "collector of \($0.summary)" } ?? role.rawValue }

    var credentials: String {
        let keyCount = keys.isEmpty ? [] : [keys.count == 1 ? "1 key" : "\(keys.count) keys"]
        let words = keyCount + (passwordHash == nil ? [] : ["password"])
        return words.isEmpty ? "none" : words.joined(separator: " + ")
    }
}
