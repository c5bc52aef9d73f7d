// An SFTP account of the gate: a name, the keys and the password it may show, and whether it may log in.
// Never a system account. This file does no I/O.
package import Admission
import Settings

/// One account, as its file says it.
package struct Account: Sendable, Hashable {
    package let name: String
    package var keys: [AuthorizedKey]
    /// A crypt(3) hash; nil: no password is taken.
    package var passwordHash: PasswordHash?
    package var disabled: Bool
    /// What a collector may collect; nil: a sender.
    package var collects: CollectScope?
    package var note: String?
    package var created: Instant?

    package init(
        name: String, keys: [AuthorizedKey], passwordHash: PasswordHash? = nil, disabled: Bool = false,
        collects: CollectScope? = nil, note: String? = nil, created: Instant? = nil
    ) throws(AccountError) {
        try Self.check(name: name)
        self.name = name
        self.keys = keys
        self.passwordHash = passwordHash
        self.disabled = disabled
        self.collects = collects
        self.note = note
        self.created = created
    }

    /// The longest name, in bytes: what Linux takes for a login name.
    package static let maximumName = 32

    /// A small letter or `_`, then small letters, digits, `.`, `_`, `-`; at most 32. `sshd` is taken: it
    /// is the user that OpenSSH's own unprivileged part runs as.
    package static func check(name: String) throws(AccountError) {
        let bytes = Array(name.utf8)
        let isLetter = { (byte: UInt8) in (0x61...0x7A).contains(byte) || byte == 0x5F }
        let isRest = { (byte: UInt8) in
            isLetter(byte) || (0x30...0x39).contains(byte) || byte == 0x2E || byte == 0x2D
        }
        guard let first = bytes.first, bytes.count <= maximumName, isLetter(first), bytes.allSatisfy(isRest)
        else {
            throw AccountError(
                .badName,
                "\(ValueText.quoted(name)) is not an account name: write a small letter or _, then small letters, "
                    + "digits, '.', '_' or '-', at most \(maximumName) in all")
        }
        guard name != "sshd" else {
            throw AccountError(.badName, "\"sshd\" is a name that OpenSSH itself uses; choose another one")
        }
    }
}

/// What an account showed to log in, as the ledger calls it.
package enum Credential: Sendable, Hashable, CustomStringConvertible {
    /// `SHA256:…` of the public key.
    case key(fingerprint: String)
    case password

    package var description: String {
        switch self {
        case .key(let fingerprint): fingerprint
        case .password: "password"
        }
    }
}

extension Account {
    /// Whether a credential that was good when `earlier` was read is still good: a key that was taken
    /// away, a password that was changed, or another role, ends what it had opened.
    package func stillHolds(_ credential: Credential, since earlier: Account) -> Bool {
        // A session is a sender's or a collector's from its start.
        guard role == earlier.role else { return false }
        return switch credential {
        case .key(let fingerprint): keys.contains { $0.fingerprint == fingerprint }
        case .password: passwordHash != nil && passwordHash == earlier.passwordHash
        }
    }
}
