// What a collector may collect. Values only.
import Admission

/// Whose released drops an account may read and acknowledge.
package struct CollectScope: Sendable, Hashable {
    /// Names of senders; one that is not an account yet may become one.
    package var accounts: [String]
    package var webhooks: Bool

    /// Throws `.badScope` for a scope without anything, and `.badName` for what no account can be called.
    package init(accounts: [String], webhooks: Bool) throws(AccountError) {
        for name in accounts {
            guard name != Channel.webhook.rawValue else {
                throw AccountError(
                    .badScope,
                    "webhooks are not an account; use collects_webhooks: true (--collects-webhooks)")
            }
            try Account.check(name: name)
        }
        guard webhooks || !accounts.isEmpty else {
            throw AccountError(
                .badScope,
                "a collector needs something to collect: name accounts (collects, --collects) or webhooks "
                    + "(collects_webhooks, --collects-webhooks)")
        }
        self.accounts = accounts
        self.webhooks = webhooks
    }

    /// Whether a drop at this path, relative to `ready/`, is one of them.
    package func covers(_ readyPath: String) -> Bool {
        let components = readyPath.split(separator: "/", maxSplits: 2)
        return switch components.first {
        case "webhook": webhooks
        case "sftp": components.count == 3 && accounts.contains { $0 == components[1] }
        default: false
        }
    }
}

extension Account {
    package enum Role: String, Sendable, CaseIterable { case sender, collector }

    package var role: Role { collects == nil ? .sender : .collector }
}
