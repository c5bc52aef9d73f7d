// `dropgate account`: who may log in over SFTP once the source address is admitted.
import Accounts
import Admission
import ArgumentParser
import Foundation
import JSON
import SFTPReceiver
import Settings

struct AccountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "SFTP accounts of the gate.",
        discussion: """
            A sender's account is a drop box: files can be written, and never read back. A collector's account \
            reads and acknowledges what was released, and writes nothing. Accounts are files of the gate, never \
            users of the system. A running gate takes changes over by itself.
            """,
        subcommands: [
            AccountAddCommand.self, AccountListCommand.self, AccountShowCommand.self,
            AccountDisableCommand.self,
            AccountEnableCommand.self, AccountRemoveCommand.self,
        ])
}

/// What every account command needs: the account files, and the one account it is about.
struct AccountOptions: ParsableArguments {
    @OptionGroup var gate: GateOptions

    func store() throws -> AccountStore { AccountStore(directory: try gate.settings().accounts) }
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

    var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "disabled": .bool(disabled), "password": .bool(passwordHash != nil),
            "role": .string(role.rawValue),
            "keys": .array(
                keys.map {
                    [
                        "type": .string($0.type), "fingerprint": .string($0.fingerprint),
                        "comment": .string($0.comment),
                    ]
                }),
        ]
        if let collects {
            members["collects"] = .array(collects.accounts.map(JSONValue.string))
            members["collects_webhooks"] = .bool(collects.webhooks)
        }
        members["note"] = note.map(JSONValue.string)
        members["created"] = created.map { .string($0.description) }
        return .object(members)
    }
}
