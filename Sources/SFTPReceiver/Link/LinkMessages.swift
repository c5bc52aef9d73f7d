// The messages between an SFTP session process and the daemon: one JSON object a line, over the
// daemon's Unix socket. The session speaks first and asks; the daemon answers and decides. Both ends
// use these types and nothing else; this file does no I/O and knows no policy.

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Bounds and names that both ends agree on.
package enum Link {
    /// The version of these messages. A daemon refuses a hello with another one.
    package static let version = 2
    /// The longest line either end sends or takes, in bytes, without its newline.
    package static let maxLine = 64 * 1024
    /// What sshd's `Subsystem` runs; anything else in SSH_ORIGINAL_COMMAND is not an SFTP client.
    package static let subsystemCommand = "dropgate-sftp"

    /// One line, newline included.
    package static func encode(_ message: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        var line = [UInt8](try encoder.encode(message))
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// Decodes one line, with or without its newline.
    package static func decode<Message: Decodable>(
        _ type: Message.Type, from line: some Collection<UInt8>
    ) throws -> Message {
        try JSONDecoder().decode(type, from: Data(line))
    }
}

/// What a session sends: `{"type":"hello",…}`.
package enum SessionMessage: Sendable, Equatable {
    /// First, once. Answered by `DaemonMessage.welcome`.
    case hello(LinkHello)
    /// A whole upload, fsynced, to be released. Answered by `DaemonMessage.commit`.
    case commit(LinkCommit)
    /// Something the session refused by itself; a ledger entry, no answer.
    case refused(LinkRefused)
    /// An upload that ended before it was whole and is kept for resume; a ledger entry, no answer.
    case incomplete(LinkIncomplete)
    /// A probe's file that arrived whole and was removed again; a ledger entry, no answer.
    case probed(LinkProbed)
    /// A collector's question. Answered by `DaemonMessage.page`.
    case collect(LinkCollect)
}

/// What the daemon sends: `{"type":"welcome",…}`.
package enum DaemonMessage: Sendable, Equatable {
    case welcome(LinkWelcome)
    case commit(LinkCommitAnswer)
    case page(LinkPage)
}

package struct LinkHello: Codable, Sendable, Equatable {
    /// SSH_CONNECTION as sshd set it: client address, client port, server address, server port.
    package var connection: String
    /// The account's name as sshd knows it (USER).
    package var user: String
    /// The session's process id; the daemon compares it with the socket's peer credentials.
    package var pid: Int32
    /// `Link.version`.
    package var version: Int
    /// The contents of the file that SSH_USER_AUTH names (methods and public keys, never a password), if any.
    package var authentication: String?

    package init(connection: String, user: String, pid: Int32, version: Int, authentication: String?) {
        self.connection = connection
        self.user = user
        self.pid = pid
        self.version = version
        self.authentication = authentication
    }
}

package struct LinkWelcome: Codable, Sendable, Equatable {
    /// False: `message` says why and what to do; the session ends.
    package var ok: Bool
    package var account: String?
    /// For a sender: absolute path of `incoming/sftp/<account>`.
    package var incoming: String?
    /// For a collector: absolute path of the staging directory.
    package var staging: String?
    /// The largest upload, in bytes; nil is no limit.
    package var maxFile: Int64?
    /// Uploads are refused when fewer free bytes than this are left; 0 when absent.
    package var reserveBytes: Int64?
    /// Uploads are refused when fewer free inodes than this are left; 0 when absent.
    package var reserveInodes: Int64?
    /// fnmatch(3) patterns for the last component of a name that is not final yet.
    package var provisional: [String]?
    package var message: String?

    package init(
        ok: Bool, account: String? = nil, incoming: String? = nil, maxFile: Int64? = nil,
        reserveBytes: Int64? = nil, reserveInodes: Int64? = nil, provisional: [String]? = nil,
        message: String? = nil
    ) {
        self.ok = ok
        self.account = account
        self.incoming = incoming
        self.maxFile = maxFile
        self.reserveBytes = reserveBytes
        self.reserveInodes = reserveInodes
        self.provisional = provisional
        self.message = message
    }

    package static func collector(_ account: String, staging: String) -> LinkWelcome {
        var welcome = LinkWelcome(ok: true, account: account)
        welcome.staging = staging
        return welcome
    }

    package static func refusal(_ message: String) -> LinkWelcome {
        LinkWelcome(ok: false, message: message)
    }

    enum CodingKeys: String, CodingKey {
        case ok, account, incoming, staging, provisional, message
        case maxFile = "max_file"
        case reserveBytes = "reserve_bytes"
        case reserveInodes = "reserve_inodes"
    }
}

package struct LinkCommit: Codable, Sendable, Equatable {
    /// Counts up within the session; the answer repeats it.
    package var id: Int
    /// The drop id; also the stem of the partial's and the sidecar's file name.
    package var drop: String
    /// The partial's file name inside `incoming/sftp/<account>/parts/`.
    package var partial: String
    /// The final name as sent, normalised and relative: "dir/name.xml".
    package var path: String
    package var bytes: Int64
    /// Lowercase hex.
    package var sha256: String
    /// The client's modification time, in seconds since the epoch, if it gave one.
    package var modified: Int64?

    package init(
        id: Int, drop: String, partial: String, path: String, bytes: Int64, sha256: String, modified: Int64?
    ) {
        self.id = id
        self.drop = drop
        self.partial = partial
        self.path = path
        self.bytes = bytes
        self.sha256 = sha256
        self.modified = modified
    }
}

package struct LinkCommitAnswer: Codable, Sendable, Equatable {
    package enum Status: String, Codable, Sendable {
        case stored, duplicate
    }
    package var id: Int
    package var ok: Bool
    package var status: Status?
    /// The final name under `ready/sftp/<account>/`, "dir/name.xml~2" for a second version.
    package var name: String?
    /// The raw value of the `Reason` of a refusal.
    package var code: String?
    /// What the client is told when the commit failed.
    package var message: String?

    package init(
        id: Int, ok: Bool, status: Status? = nil, name: String? = nil, code: String? = nil,
        message: String? = nil
    ) {
        self.id = id
        self.ok = ok
        self.status = status
        self.name = name
        self.code = code
        self.message = message
    }
}

package struct LinkRefused: Codable, Sendable, Equatable {
    /// The raw value of a `Reason`: forbidden_operation, bad_path, too_large, malformed, staging_full, connection_limit.
    package var reason: String
    /// The SFTP request in the draft's words: "OPEN", "SYMLINK".
    package var operation: String
    /// The path as sent, printable and bounded; empty when the request names none.
    package var path: String
    package var message: String

    package init(reason: String, operation: String, path: String, message: String) {
        self.reason = reason
        self.operation = operation
        self.path = path
        self.message = message
    }
}

package struct LinkIncomplete: Codable, Sendable, Equatable {
    package var drop: String
    package var path: String
    /// Bytes that arrived.
    package var bytes: Int64
    package var message: String

    package init(drop: String, path: String, bytes: Int64, message: String) {
        self.drop = drop
        self.path = path
        self.bytes = bytes
        self.message = message
    }
}

private enum TypeKey: String, CodingKey {
    case type
}

extension SessionMessage: Codable {
    private enum Kind: String, Codable {
        case hello, commit, refused, incomplete, probed, collect
    }

    package init(from decoder: any Decoder) throws {
        switch try decoder.container(keyedBy: TypeKey.self).decode(Kind.self, forKey: .type) {
        case .hello: self = .hello(try LinkHello(from: decoder))
        case .commit: self = .commit(try LinkCommit(from: decoder))
        case .refused: self = .refused(try LinkRefused(from: decoder))
        case .incomplete: self = .incomplete(try LinkIncomplete(from: decoder))
        case .probed: self = .probed(try LinkProbed(from: decoder))
        case .collect: self = .collect(try LinkCollect(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TypeKey.self)
        switch self {
        case .hello(let message):
            try container.encode(Kind.hello, forKey: .type)
            try message.encode(to: encoder)
        case .commit(let message):
            try container.encode(Kind.commit, forKey: .type)
            try message.encode(to: encoder)
        case .refused(let message):
            try container.encode(Kind.refused, forKey: .type)
            try message.encode(to: encoder)
        case .incomplete(let message):
            try container.encode(Kind.incomplete, forKey: .type)
            try message.encode(to: encoder)
        case .probed(let message):
            try container.encode(Kind.probed, forKey: .type)
            try message.encode(to: encoder)
        case .collect(let message):
            try container.encode(Kind.collect, forKey: .type)
            try message.encode(to: encoder)
        }
    }
}

extension DaemonMessage: Codable {
    private enum Kind: String, Codable {
        case welcome, commit, page
    }

    package init(from decoder: any Decoder) throws {
        switch try decoder.container(keyedBy: TypeKey.self).decode(Kind.self, forKey: .type) {
        case .welcome: self = .welcome(try LinkWelcome(from: decoder))
        case .commit: self = .commit(try LinkCommitAnswer(from: decoder))
        case .page: self = .page(try LinkPage(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TypeKey.self)
        switch self {
        case .welcome(let message):
            try container.encode(Kind.welcome, forKey: .type)
            try message.encode(to: encoder)
        case .commit(let message):
            try container.encode(Kind.commit, forKey: .type)
            try message.encode(to: encoder)
        case .page(let message):
            try container.encode(Kind.page, forKey: .type)
            try message.encode(to: encoder)
        }
    }
}
