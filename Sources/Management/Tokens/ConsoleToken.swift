// A token of the console: who it was given to, what they may ask for, and until when. The token itself is 256 random bits that are
// shown once; what is kept is their digest, from which nobody can tell them. Pure.
package import Admission
package import JSON
import TLS

package struct ConsoleToken: Sendable, Hashable {
    /// What tokens begin with, so that who finds one in a log or a repository knows what it is.
    static let prefix = "dgt_"
    /// Bytes of a name.
    static let longestName = 32
    static let longestNote = 256

    package let name: String
    package let role: TokenRole
    /// SHA-256 of the token, 64 hex digits.
    let sha256: String
    package let created: Instant
    /// Good until then; nil: until it is revoked.
    package let expires: Instant?
    package let note: String?

    package func isGood(at now: Instant) -> Bool { expires.map { now < $0 } ?? true }

    /// A new one, and the token that is to be shown.
    /// Throws a `ManagementError` for a name or a note that cannot be taken.
    static func make(
        _ name: String, _ role: TokenRole, created: Instant, expires: Instant?, note: String?
    ) throws(ManagementError) -> (token: ConsoleToken, secret: String) {
        try check(name: name)
        if let note, !UntrustedText.isName(note) || note.utf8.count > longestNote {
            throw ManagementError(
                .invalid, "the note cannot be written",
                fix: "use \(longestNote) printable bytes or less")
        }
        guard expires.map({ created < $0 }) ?? true else {
            throw ManagementError(
                .invalid, "the token would have expired already", fix: "give a day in the future, or none")
        }
        let secret = prefix + Hex.text(RandomBytes.make(32))
        let token = ConsoleToken(
            name: name, role: role, sha256: SHA256.hash(data: Array(secret.utf8)).hex, created: created,
            expires: expires, note: note)
        return (token, secret)
    }

    /// Letters, digits, `-`, `_` and `.`, a letter or digit first: a name is a file's name, too.
    static func check(name: String) throws(ManagementError) {
        func isPlain(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
        }
        guard let first = name.utf8.first, isPlain(first), name.utf8.count <= longestName,
            name.utf8.allSatisfy({ isPlain($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E })
        else {
            throw ManagementError(
                .invalid, "\"\(UntrustedText.head(name))\" cannot be a token's name",
                fix: "use letters, digits, \"-\", \"_\" and \".\", a letter or digit first, "
                    + "\(longestName) characters at most")
        }
    }

    // MARK: Its file

    private static let format: Int64 = 1

    /// One JSON object and a newline.
    var encoded: [UInt8] {
        var members: [String: JSONValue] = [
            "created": .string(created.description), "format": .int(Self.format), "name": .string(name),
            "role": .string(role.rawValue), "sha256": .string(sha256),
        ]
        members["expires"] = expires.map { .string($0.description) }
        members["note"] = note.map { .string($0) }
        return CanonicalJSON.encode(.object(members)) + [0x0A]
    }

    private static let members: Set<String> = [
        "created", "expires", "format", "name", "note", "role", "sha256",
    ]

    /// Reads a file's bytes. Throws a `ManagementError` for what this release would not write: a token that is not understood is
    /// none.
    /// - Parameter name: that of the file, without its ending.
    init(parsing bytes: [UInt8], name: String) throws(ManagementError) {
        func wrong(_ what: String) -> ManagementError {
            ManagementError(.configuration, what, fix: "revoke the token and make a new one")
        }
        guard let members = (try? JSONValue(parsing: bytes))?.object else { throw wrong("it is not JSON") }
        if let odd = members.keys.sorted().first(where: { !Self.members.contains($0) }) {
            throw wrong("there is no member \"\(UntrustedText.head(odd))\"")
        }
        guard members["format"]?.int == Self.format else { throw wrong("its format is not \(Self.format)") }
        guard members["name"]?.string == name else { throw wrong("its name is not that of the file") }
        try Self.check(name: name)
        guard let role = members["role"]?.string.flatMap(TokenRole.init) else {
            throw wrong("it has no role")
        }
        guard let sha256 = members["sha256"]?.string, SHA256Digest.isHex(sha256) else {
            throw wrong("it has no digest")
        }
        guard let created = members["created"]?.string.flatMap(Instant.init(rfc3339:)) else {
            throw wrong("it does not say when it was made")
        }
        var expires: Instant?
        if let value = members["expires"] {
            guard let instant = value.string.flatMap(Instant.init(rfc3339:)) else {
                throw wrong("it does not say when it expires")
            }
            expires = instant
        }
        if let note = members["note"], note.string == nil { throw wrong("its note is no text") }
        self.init(
            name: name, role: role, sha256: sha256, created: created, expires: expires,
            note: members["note"]?.string)
    }

    private init(
        name: String, role: TokenRole, sha256: String, created: Instant, expires: Instant?, note: String?
    ) {
        self.name = name
        self.role = role
        self.sha256 = sha256
        self.created = created
        self.expires = expires
        self.note = note
    }

    /// For programs; without the digest.
    package func json(at now: Instant) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "role": .string(role.rawValue), "created": .string(created.description),
            "expired": .bool(!isGood(at: now)),
        ]
        members["expires"] = expires.map { .string($0.description) }
        members["note"] = note.map { .string($0) }
        return .object(members)
    }
}
