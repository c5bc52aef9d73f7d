// An account for programs. Of a password it says only that there is one.
package import Accounts
import Admission
package import JSON

extension Account {
    package var json: JSONValue {
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
