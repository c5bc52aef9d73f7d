// The messages between an SFTP session process and the daemon: one a line, as fields separated by
// tabs, over the daemon's Unix socket. The session speaks first and asks; the daemon answers and decides. Both ends
// use these types and nothing else; this file does no I/O and knows no policy.

/// Bounds and names that both ends agree on.
package enum SessionIPC {
    /// The version of these messages. A daemon refuses a hello with another one: in all versions from 5 on a hello begins with
    /// `hello`, a tab and its version.
    package static let version = 6
    /// The longest line either end sends or takes, in bytes, without its newline.
    package static let maxLine = 64 * 1024
    /// The largest upload, in bytes, that may come with its commit.
    package static let mostInline: Int64 = 256 * 1024
    /// Bytes that one session keeps at most of all uploads that are to come so.
    static let mostKept: Int64 = 1024 * 1024
    /// What sshd's `Subsystem` runs; anything else in SSH_ORIGINAL_COMMAND is not an SFTP client.
    package static let subsystemCommand = "dropgate-sftp"
}

/// What a session sends: `hello`, tab, its fields.
package enum SessionMessage: Sendable, Equatable {
    /// First, once. Answered by `DaemonMessage.welcome`.
    case hello(SessionHello)
    /// A sender's question about names. Answered by `DaemonMessage.names`, or by `.done` when there is an error.
    case names(NameQuestion)
    /// A sender's change. Answered by `DaemonMessage.done`.
    case change(NameChange)
    /// A sender begins an upload. Answered by `DaemonMessage.opened`, or by `.done` when it may not.
    case open(UploadOpening)
    /// Room for more bytes of an upload. Answered by `DaemonMessage.done`.
    case room(RoomRequest)
    /// A whole upload, to be accepted. Answered by `DaemonMessage.commit`.
    case commit(UploadCommit)
    /// How an upload ended that was not committed. Answered by `DaemonMessage.done`: what the client hears next is so
    /// for every session.
    case ended(UploadEnded)
    /// Something the session refused by itself; a ledger entry, no answer.
    case refused(SessionRefusal)
    /// A probe's file that arrived whole and was removed again; a ledger entry, no answer.
    case probed(ProbeNotice)
    /// A collector's question. Answered by `DaemonMessage.page`.
    case collect(CollectQuestion)
}

/// What the daemon sends: `welcome`, tab, its fields.
package enum DaemonMessage: Sendable, Equatable {
    case welcome(SessionWelcome)
    case names(NameAnswer)
    case done(ChangeAnswer)
    case opened(UploadOpened)
    case commit(UploadCommitAnswer)
    case page(CollectPage)
    /// Unasked, or in place of any answer: the session may do nothing any more.
    case end(SessionEnding)
}

package struct SessionHello: Sendable, Equatable {
    /// SSH_CONNECTION as sshd set it: client address, client port, server address, server port.
    package var connection: String
    /// The account's name as sshd knows it (USER).
    package var user: String
    /// The session's process id; the daemon compares it with the socket's peer credentials.
    package var pid: Int32
    /// `SessionIPC.version`.
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

    /// Of what is no hello since version 5.
    package static let unknownVersion = 0

    /// Of a program of another release, or of none.
    package static func stranger(version: Int) -> SessionHello {
        SessionHello(connection: "", user: "", pid: 0, version: version, authentication: nil)
    }
}

package struct SessionWelcome: Sendable, Equatable {
    /// False: `message` says why and what to do; the session ends.
    package var ok: Bool
    package var account: String?
    /// For a sender: absolute path of `incoming/sftp/<account>`.
    package var incoming: String?
    /// For a collector: absolute path of the staging directory.
    package var staging: String?
    /// The largest upload, in bytes; nil is no limit.
    package var maxFile: Int64?
    /// The largest upload, in bytes, that is to come with its commit (`UploadCommit.isInline`); nil: none is.
    package var mostInline: Int64?
    /// fnmatch(3) patterns of names that are not final yet: `TemporaryNames`.
    package var provisional: [String]?
    /// Seconds without a byte from the client after which sshd ends the connection.
    package var idleTimeout: Int?
    package var message: String?

    package init(
        ok: Bool, account: String? = nil, incoming: String? = nil, maxFile: Int64? = nil,
        mostInline: Int64? = nil, provisional: [String]? = nil, idleTimeout: Int? = nil,
        message: String? = nil
    ) {
        self.mostInline = mostInline
        self.ok = ok
        self.account = account
        self.incoming = incoming
        self.maxFile = maxFile
        self.provisional = provisional
        self.idleTimeout = idleTimeout
        self.message = message
    }

    package static func collector(_ account: String, staging: String) -> SessionWelcome {
        var welcome = SessionWelcome(ok: true, account: account)
        welcome.staging = staging
        return welcome
    }

    package static func refusal(_ message: String) -> SessionWelcome {
        SessionWelcome(ok: false, message: message)
    }

}

package struct UploadCommit: Sendable, Equatable {
    /// Counts up within the session; the answer repeats it.
    package var id: Int
    /// The drop id; also the stem of the partial's and the sidecar's file name.
    package var drop: String
    /// Its bytes follow the line, at most `SessionIPC.mostInline`. Else they are a file by its drop id, durable.
    package var isInline: Bool
    /// The final name as sent, normalised and relative: "dir/name.xml".
    package var path: String
    package var bytes: Int64
    /// Lowercase hex.
    package var sha256: String
    /// The client's modification time, in seconds since the epoch, if it gave one.
    package var modified: Int64?

    package init(
        id: Int, drop: String, path: String, bytes: Int64, sha256: String, modified: Int64?,
        isInline: Bool = false
    ) {
        self.isInline = isInline
        self.id = id
        self.drop = drop
        self.path = path
        self.bytes = bytes
        self.sha256 = sha256
        self.modified = modified
    }

}

package struct UploadCommitAnswer: Sendable, Equatable {
    package enum Status: String, Sendable {
        case stored, duplicate
    }
    package var id: Int
    package var ok: Bool
    package var status: Status?
    /// The final name under `ready/sftp/<account>/`, "dir/name~2.xml" for a second version.
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

package struct SessionRefusal: Sendable, Equatable {
    /// The raw value of a `Reason`: forbidden_operation, bad_path, too_large, malformed, connection_limit.
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

extension SessionMessage {
    private enum Kind: String {
        case hello, names, change, open, room, commit, ended, refused, probed, collect
    }

    /// - Parameter line: without its newline. Throws where it is no message, or has more than one has.
    package init(line: [UInt8]) throws(StrangeLine) {
        var fields = FieldReader(line)
        switch try fields.next() as Kind {
        case .hello: self = .hello(try SessionHello(&fields))
        case .names: self = .names(try NameQuestion(&fields))
        case .change: self = .change(try NameChange(&fields))
        case .open: self = .open(try UploadOpening(&fields))
        case .room: self = .room(try RoomRequest(&fields))
        case .commit: self = .commit(try UploadCommit(&fields))
        case .ended: self = .ended(try UploadEnded(&fields))
        case .refused: self = .refused(try SessionRefusal(&fields))
        case .probed: self = .probed(try ProbeNotice(&fields))
        case .collect: self = .collect(try CollectQuestion(&fields))
        }
        try fields.end()
    }

    private var parts: (kind: Kind, message: any SessionFields) {
        switch self {
        case .hello(let message): (.hello, message)
        case .names(let message): (.names, message)
        case .change(let message): (.change, message)
        case .open(let message): (.open, message)
        case .room(let message): (.room, message)
        case .commit(let message): (.commit, message)
        case .ended(let message): (.ended, message)
        case .refused(let message): (.refused, message)
        case .probed(let message): (.probed, message)
        case .collect(let message): (.collect, message)
        }
    }

    /// With its newline.
    package var line: [UInt8] { parts.message.line(parts.kind.rawValue) }
}

extension DaemonMessage {
    private enum Kind: String {
        case welcome, names, done, opened, commit, page, end
    }

    /// - Parameter line: without its newline. Throws where it is no message, or has more than one has.
    package init(line: [UInt8]) throws(StrangeLine) {
        var fields = FieldReader(line)
        switch try fields.next() as Kind {
        case .welcome: self = .welcome(try SessionWelcome(&fields))
        case .names: self = .names(try NameAnswer(&fields))
        case .done: self = .done(try ChangeAnswer(&fields))
        case .opened: self = .opened(try UploadOpened(&fields))
        case .commit: self = .commit(try UploadCommitAnswer(&fields))
        case .page: self = .page(try CollectPage(&fields))
        case .end: self = .end(try SessionEnding(&fields))
        }
        try fields.end()
    }

    private var parts: (kind: Kind, message: any SessionFields) {
        switch self {
        case .welcome(let message): (.welcome, message)
        case .names(let message): (.names, message)
        case .done(let message): (.done, message)
        case .opened(let message): (.opened, message)
        case .commit(let message): (.commit, message)
        case .page(let message): (.page, message)
        case .end(let message): (.end, message)
        }
    }

    /// With its newline.
    package var line: [UInt8] { parts.message.line(parts.kind.rawValue) }
}
