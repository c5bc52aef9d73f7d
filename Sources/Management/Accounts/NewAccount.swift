// An account as it is asked for, and its credentials made of what people have at hand.
package import Accounts
import Admission
import Settings

package struct NewAccount: Sendable {
    package var name: String
    package var keys: [AuthorizedKey] = []
    package var password: PasswordHash?
    /// Of a collector: the accounts whose released drops it may read, and whether it may read webhooks. nil: a sender.
    package var collects: (accounts: [String], webhooks: Bool)?
    package var note: String?

    package init(name: String) { self.name = name }

    func account(created: Instant) throws(AccountError) -> Account {
        var scope: CollectScope?
        if let collects { scope = try CollectScope(accounts: collects.accounts, webhooks: collects.webhooks) }
        return try Account(
            name: name, keys: keys, passwordHash: password, collects: scope, note: note, created: created)
    }

    /// The public keys of a text, one a line as .pub files and authorized_keys have them; lines that begin with # are
    /// comments.
    /// - Parameter place: where the text is from, for messages.
    package static func keys(
        in text: String, from place: String
    ) throws(ManagementError) -> [AuthorizedKey] {
        // Editors of Windows put a byte order mark in front.
        let lines = YAMLFile.withoutMark(text).split(whereSeparator: \.isNewline).filter { line in
            !line.allSatisfy(\.isWhitespace) && !line.hasPrefix("#")
        }
        guard !lines.isEmpty else { throw ManagementError(.invalid, "\(place) holds no public key") }
        return try lines.map { line throws(ManagementError) in
            do throws(AccountError) {
                return try AuthorizedKey(line)
            } catch {
                throw ManagementError(.invalid, "\(place): \(error)", cause: error)
            }
        }
    }

    /// What is kept of a password. It takes a while, as it must for whoever would guess.
    package static func hash(_ password: String) throws(ManagementError) -> PasswordHash {
        do throws(AccountError) {
            return try PasswordHash(password: password)
        } catch { throw ManagementError(error) }
    }
}
