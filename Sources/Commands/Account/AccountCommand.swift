// `dropgate account`: who may log in over SFTP once the source address is admitted.
import Admission
import ArgumentParser
import Foundation
import Ledger
import SFTPReceiver
import Settings

struct AccountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "SFTP accounts of the gate.",
        discussion: """
            An account is a drop box: its sender can write files, and never read them back. Accounts are files of \
            the gate, never users of the system. A running gate takes changes over by itself.
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

extension Account {
    var credentials: String {
        let keyCount = keys.isEmpty ? [] : [keys.count == 1 ? "1 key" : "\(keys.count) keys"]
        let words = keyCount + (passwordHash == nil ? [] : ["password"])
        return words.isEmpty ? "none" : words.joined(separator: " + ")
    }

    var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "disabled": .bool(disabled), "password": .bool(passwordHash != nil),
            "keys": .array(
                keys.map {
                    [
                        "type": .string($0.type), "fingerprint": .string($0.fingerprint),
                        "comment": .string($0.comment),
                    ]
                }),
        ]
        members["note"] = note.map(JSONValue.string)
        members["created"] = created.map { .string($0.description) }
        return .object(members)
    }
}
