// What sshd says of a login, message by message, as events (OpenSSH 9.2 and newer, LogLevel VERBOSE and the
// requests to log in of LogVerbose). Pure.
// Names in messages come from the caller and may hold anything, line breaks and text that looks like
// sshd's own included: a message is judged by its beginning only, and must be one that sshd wrote at once.
import Files
import Glibc

/// Something in sshd's log that bears on a login.
enum SSHDLogEvent: Sendable, Hashable {
    /// sshd has the connection. It says so of every one, also of one that is gone by then.
    case began
    /// sshd, or what it is started with, lacks what every login needs. The text says what.
    case unable(String)
    case accepted(method: String, account: String, fingerprint: String?)
    case failed(method: String, account: String, isKnown: Bool, fingerprint: String?)
    /// The caller asks to be let in, by a method that sshd may not even offer. nil: the name is so long that
    /// the message was cut before it.
    case asked(account: String, method: String?)
    /// A key of the account was offered. Whether the caller holds it shows in what follows.
    case keyFound(fingerprint: String)
    /// A key was offered with a signature algorithm that is not accepted. sshd does not say which key: it names
    /// one at DEBUG2 only, among everything else.
    case algorithmRefused(String)
    /// An RSA key below `RequiredRSASize` was offered. sshd does not say which either.
    case keyTooShort
    /// No account of this name may log in.
    case unknownAccount(String)
    case tooManyTries(account: String)
    /// The caller ended the connection, or was sent away, while it was naming itself.
    case leftWhileAuthenticating(account: String, isKnown: Bool)
    /// No algorithm in common. The text names what was asked for.
    case negotiationFailed(String)
    /// What arrived was not the SSH protocol, or broke it.
    case protocolFailed(String)
    case timedOut
    /// The connection ended before it came to a name.
    case closedEarly(String)
    /// After a login: a channel beyond `MaxSessions` was asked for and refused.
    case tooManySessions
    case other

    /// What was typed as a user name, where the message holds one.
    var account: String? {
        switch self {
        case .accepted(_, let name, _), .failed(_, let name, _, _), .asked(let name, _),
            .unknownAccount(let name),
            .tooManyTries(let name), .leftWhileAuthenticating(let name, _):
            name
        default: nil
        }
    }
}

enum SSHDLogParser {
    /// The event of one message. Line ends and the marks that sshd adds around a message are ignored.
    static func parse(_ message: some StringProtocol) -> SSHDLogEvent {
        var text = Substring(message)
        while text.unicodeScalars.last == "\n" || text.unicodeScalars.last == "\r" {
            text.unicodeScalars.removeLast()
        }
        // What the process before login says is written once more by the one that watches it.
        let isTwice = text.hasSuffix(" [preauth]")
        if isTwice { text = text.dropLast(" [preauth]".count) }
        for mark in ["error: ", "fatal: ", "debug1: "] where text.hasPrefix(mark) {
            text = text.dropFirst(mark.count)
        }
        for rule in rules {
            guard text.hasPrefix(rule.prefix) else { continue }
            guard let event = rule.read(text, text.dropFirst(rule.prefix.count)) else { continue }
            return event.named { SSHDText.decoded(isTwice ? SSHDText.decoded($0) : $0) }
        }
        return .other
    }

    private struct Rule: Sendable {
        let prefix: String
        /// Gets the whole message and what follows the prefix.
        let read: @Sendable (Substring, Substring) -> SSHDLogEvent?

        init(_ prefix: String, _ read: @escaping @Sendable (Substring, Substring) -> SSHDLogEvent?) {
            self.prefix = prefix
            self.read = read
        }

        init(_ prefix: String, _ event: @escaping @Sendable (String) -> SSHDLogEvent) {
            self.init(prefix) { whole, _ in event(String(whole)) }
        }
    }

    private static let rules: [Rule] = [
        Rule("Connection from ") { _ in .began },
        // The loader, of libnss-wrapper: sshd goes on with the system's users.
        Rule("ERROR: ld.so: ") { whole, _ in
            whole.contains(" from LD_PRELOAD ") ? .unable(String(whole)) : nil
        },
        // libnss-wrapper, of the files that it is to show.
        Rule("NWRAP_ERROR") { whole, rest in
            rest.contains(": Unable to open ") || rest.contains(": Error loading ")
                ? .unable(String(whole)) : nil
        },
        Rule("sshd: no hostkeys available") { .unable($0) },
        Rule("Missing privilege separation directory") { .unable($0) },
        Rule("Privilege separation user ") { .unable($0) },
        Rule("chroot(") { .unable($0) },
        Rule("fork of unprivileged child failed") { .unable($0) },
        Rule("do_exec_no_pty: fork: ") { .unable($0) },
        // The process that talks to the caller before login: sshd-auth since OpenSSH 10.
        Rule("privsep_preauth: exec of ") { .unable($0) },
        Rule("privsep_preauth: preauth child terminated by signal ", killed),
        Rule("mm_reap: preauth child terminated by signal ", killed),
        // The loader, of one of sshd's programs: "/usr/lib/openssh/sshd-auth: error while …"
        Rule("/") { whole, _ in
            guard let (program, _) = first(whole, ": error while loading shared libraries: "),
                !program.contains(" "),
                ["sshd", "sshd-session", "sshd-auth"].contains(Paths.lastComponent(of: String(program)))
            else { return nil }
            return .unable(String(whole))
        },
        // "Accepted key TYPE SHA256:… found at PATH"
        Rule("Accepted key ") { _, rest in
            let word = rest.split(separator: " ", maxSplits: 2).dropFirst().first
            return word.map { .keyFound(fingerprint: String($0)) } ?? .other
        },
        Rule("Accepted ") { _, rest in attempt(rest) { .accepted(method: $0, account: $1, fingerprint: $3) }
        },
        Rule("Failed ") { _, rest in
            attempt(rest) { .failed(method: $0, account: $1, isKnown: $2, fingerprint: $3) }
        },
        // "278 (pid=77): userauth-request for user NAME service ssh-connection method METHOD"
        Rule("auth2.c:input_userauth_request():") { _, rest in
            guard let (place, request) = first(rest, ": userauth-request for user "), !place.contains(": ")
            else { return .other }
            guard let (subject, method) = split(request, at: " method "),
                let name = split(subject, at: " service ")?.before
            else { return .asked(account: String(request), method: nil) }
            return .asked(account: String(name), method: String(method))
        },
        Rule("userauth_pubkey: signature algorithm ") { _, rest in
            split(rest, at: " not in ").map { .algorithmRefused(String($0.before)) }
        },
        Rule("userauth_pubkey: key type ") { _, rest in
            split(rest, at: " not in ").map { .algorithmRefused(String($0.before)) }
        },
        Rule("userauth_pubkey: unsupported public key algorithm: ") { _, rest in
            .algorithmRefused(String(rest))
        },
        Rule("refusing RSA key: Invalid key length") { _, _ in .keyTooShort },
        Rule("Invalid user ") { _, rest in
            split(rest, at: " from ").map { .unknownAccount(String($0.before)) }
        },
        Rule("User ") { whole, rest in
            // "User X from ADDRESS not allowed because …", "User X not allowed because …"
            guard whole.contains(" not allowed because ") else { return nil }
            let name = split(rest, at: " not allowed because ")?.before ?? rest
            return .unknownAccount(String(split(name, at: " from ")?.before ?? name))
        },
        Rule("maximum authentication attempts exceeded for ") { _, rest in
            let name = rest.hasPrefix("invalid user ") ? rest.dropFirst("invalid user ".count) : rest
            return split(name, at: " from ").map { .tooManyTries(account: String($0.before)) }
        },
        Rule("Timeout before authentication") { _ in .timedOut },
        Rule("no more sessions") { _, rest in rest.isEmpty ? .tooManySessions : nil },
        Rule("Unable to negotiate with ") { _, rest in
            // "[invalid user NAME ]ADDRESS port N: no matching … found. Their offer: …"
            let text = rest.contains("user ") ? split(rest, at: ": no ").map { "no \($0.after)" } : nil
            return .negotiationFailed(text ?? String(first(rest, ": ")?.after ?? rest))
        },
        Rule("kex_exchange_identification: Connection closed") { _ in
            .closedEarly("the caller closed the connection before it said that it speaks SSH")
        },
        Rule("kex_exchange_identification: read: Connection reset") { _ in
            .closedEarly("the caller reset the connection before it said that it speaks SSH")
        },
        Rule("kex_exchange_identification: ") { _, rest in .protocolFailed(firstWord(ofQuoted: rest)) },
        Rule("banner exchange: ") { _, rest in .protocolFailed(String(split(rest, at: ": ")?.after ?? rest))
        },
        Rule("Bad protocol version identification") { .protocolFailed($0) },
        Rule("Protocol major versions differ") { .protocolFailed($0) },
        Rule("Bad packet length") { .protocolFailed($0) },
        Rule("ssh_dispatch_run_fatal: ") { _, rest in
            .protocolFailed(String(split(rest, at: ": ")?.after ?? rest))
        },
        Rule("Connection closed by ") { departure($1, "the caller closed the connection") },
        Rule("Connection reset by ") { departure($1, "the caller reset the connection") },
        Rule("Disconnected from ") { departure($1, "the caller disconnected") },
        Rule("Disconnecting ") { departure($1, "sshd disconnected the caller") },
    ]

    /// Ended by a signal, but for that by which sshd itself ends it when the time to log in is over.
    @Sendable private static func killed(_ whole: Substring, _ signal: Substring) -> SSHDLogEvent? {
        Int32(signal) == SIGALRM ? nil : .unable(String(whole))
    }

    /// `client sent invalid protocol identifier "POST …"`: the first word tells an HTTP or FTP client that came
    /// to the wrong port; what follows it may be a path with a secret, or a password.
    private static func firstWord(ofQuoted text: Substring) -> String {
        guard let (before, quoted) = first(text, " \""), let word = first(quoted, " ")?.before
        else { return String(text) }
        return "\(before) \"\(word) …\""
    }

    /// "METHOD for [invalid user ]NAME from ADDRESS port N ssh2[: TYPE SHA256:…]"
    private static func attempt(
        _ rest: Substring, _ event: (String, String, Bool, String?) -> SSHDLogEvent
    ) -> SSHDLogEvent? {
        guard let (method, subject) = first(rest, " for "), let (name, origin) = split(subject, at: " from ")
        else {
            return nil
        }
        let words = origin.split(separator: " ")
        let isKnown = !name.hasPrefix("invalid user ")
        let account = isKnown ? name : name.dropFirst("invalid user ".count)
        let fingerprint = words.first { $0.hasPrefix("SHA256:") }.map(String.init)
        return event(String(method), String(account), isKnown, fingerprint)
    }

    /// "[authenticating user NAME |invalid user NAME |user NAME ]ADDRESS port N[: …]"
    private static func departure(_ rest: Substring, _ what: String) -> SSHDLogEvent? {
        for (mark, isKnown) in [("authenticating user ", true), ("invalid user ", false)]
        where rest.hasPrefix(mark) {
            // "…: Change of username or service not allowed: (NAME,…) -> (OTHER,…)" holds another name.
            let subject = rest.dropFirst(mark.count)
            let end = first(subject, ": Change of username or service not allowed: ")?.before ?? subject
            guard let (named, _) = split(end, at: " port "), let name = split(named, at: " ")?.before
            else { return nil }
            return .leftWhileAuthenticating(account: String(name), isKnown: isKnown)
        }
        // With a user and no more words the login had succeeded: the end of a session.
        return rest.hasPrefix("user ") ? .other : .closedEarly(what)
    }

    /// Around the last occurrence: what stands before it may be the caller's, what follows is sshd's.
    private static func split(_ text: Substring, at mark: String) -> (before: Substring, after: Substring)? {
        var position = text.endIndex
        while position >= text.startIndex {
            if text[position...].hasPrefix(mark) {
                return (text[..<position], text[position...].dropFirst(mark.count))
            }
            guard position > text.startIndex else { return nil }
            position = text.index(before: position)
        }
        return nil
    }

    private static func first(_ text: Substring, _ mark: String) -> (before: Substring, after: Substring)? {
        var position = text.startIndex
        while position < text.endIndex {
            if text[position...].hasPrefix(mark) {
                return (text[..<position], text[position...].dropFirst(mark.count))
            }
            position = text.index(after: position)
        }
        return nil
    }
}
