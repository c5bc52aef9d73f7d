// A change that a command has made in a file that the gate goes by, as the ledger's entry tells it. The gate's own entry
// follows when it takes the file over: this one says who made the change, that one what came of it.
import Admission
import JSON
package import Ledger

package struct ManagedChange: Codable, Sendable, Hashable {
    /// The command, as in "source add".
    package let command: String
    /// The file that was changed, absolute.
    package let file: String
    /// Of an account.
    package let account: String?
    /// "+ …", "- …" or "~ …", one for each thing that changed.
    package let lines: [String]
    /// Nothing else is to come: the gate takes it as it stands there. Else the gate's own entry says when it has.
    package let isInForce: Bool

    package init(
        _ command: String, file: String, account: String? = nil, lines: [String], isInForce: Bool = false
    ) {
        self.isInForce = isInForce
        self.command = command
        self.file = file
        self.account = account
        self.lines = lines
    }

    private static let mostLines = 100
    private static let longestLine = 512

    /// Of kind `policy`, as the gate's own entries of these files, and without a `policy`: no list is in force by it.
    package func attempt(by attribution: Attribution) -> Attempt {
        var attempt = Attempt(
            kind: .policy, channel: account == nil ? nil : .sftp, verdict: .accepted, reason: .changed)
        attempt.account = account.map { UntrustedText.head($0) }
        attempt.detail = attribution.facts
        attempt.detail["command"] = .string(UntrustedText.head(command))
        attempt.detail["file"] = .string(UntrustedText.head(file, limit: 1024))
        if isInForce { attempt.detail["in_force"] = true }
        attempt.detail[account == nil ? "diff" : "accounts"] = .array(
            lines.prefix(Self.mostLines).map { .string(UntrustedText.head($0, limit: Self.longestLine)) })
        return attempt
    }
}
