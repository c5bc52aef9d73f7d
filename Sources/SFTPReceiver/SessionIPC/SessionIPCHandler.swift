// The daemon's side of one session: who it is, and whether it may still do anything. That is decided again with every
// question, on the source and on the account. It reads files and the ledger: for tasks on a `BlockingExecutor`.
import Accounts
import Admission
import Glibc
import Intake
import JSON
import Ledger
import LocalServer
import Logging
import SFTPSession
import Staging

/// What the daemon tells every session.
struct SessionTerms: Sendable {
    var maxFile: Int64
    /// Patterns of `TemporaryNames`.
    var provisional: [String]
    /// Seconds.
    var idleTimeout: Int
}

struct SessionIPCHandler: Sendable {
    let intake: Intake
    let table: ConnectionTable
    let book: AccountCache
    let terms: SessionTerms
    let sessions = SessionCount()
    let logger: Logger

    /// Why a session is not welcomed. `message` goes to the caller's client, `log` to the operator.
    private struct Refusal: Error {
        let message: String
        let log: String

        init(
            _ log: String, message: String = "this session is not one that the gate started; connect by SFTP"
        ) {
            self.log = log
            self.message = message
        }
    }

    // MARK: Hello

    /// Answers a hello. The session is nil when it is not welcomed.
    /// - Parameter isHeard: whether an answer would reach it.
    func welcome(
        _ hello: SessionHello, from peer: LocalPeer, isHeard: @escaping @Sendable () -> Bool
    ) async -> (WelcomedSession?, SessionWelcome) {
        do throws(Refusal) {
            let session = try await session(hello, from: peer, isHeard)
            let account = session.login.account
            guard let sender = session.sender else {
                return (session, .collector(account.name, staging: intake.stagingPath))
            }
            let welcome = SessionWelcome(
                ok: true, account: account.name, incoming: sender.box.files.path, maxFile: terms.maxFile,
                mostInline: intake.settles ? SessionIPC.mostInline : nil, provisional: terms.provisional,
                idleTimeout: terms.idleTimeout)
            return (session, welcome)
        } catch {
            logger.warning("an SFTP session was not welcomed: \(error.log)")
            return (nil, .refusal(error.message))
        }
    }

    /// A session of another release fails at every login, and its senders alone would know.
    private func checkVersion(_ hello: SessionHello) throws(Refusal) {
        let (problem, subject) = ("sftp.session", "messages")
        guard hello.version != SessionIPC.version else {
            intake.health.clear(problem: problem, of: subject)
            return
        }
        let what =
            hello.version == SessionHello.unknownVersion
            ? "it speaks no version that the daemon, of version \(SessionIPC.version), knows"
            : "it speaks version \(hello.version), the daemon \(SessionIPC.version)"
        intake.health.set(
            problem: problem, of: subject,
            message:
                "\(SessionProgram.name) was replaced by one of another release (\(what)): no login gets any further; "
                + "restart the gate")
        throw Refusal(what, message: "the gate is being updated; try again in a minute")
    }

    private func session(
        _ hello: SessionHello, from peer: LocalPeer, _ isHeard: @escaping @Sendable () -> Bool
    ) async throws(Refusal) -> WelcomedSession {
        guard peer.user == getuid() else { throw Refusal("its process belongs to user \(peer.user)") }
        try checkVersion(hello)
        guard peer.process == hello.pid else {
            throw Refusal("it says it is process \(hello.pid) and is \(peer.process)")
        }
        guard let addresses = AddressPair(sshConnection: hello.connection),
            let connection = table.find(addresses)
        else {
            throw Refusal("no open connection is \"\(UntrustedText.head(hello.connection))\"")
        }
        guard let sshd = await connection.process, ProcessTree.isDescendant(peer.process, of: sshd) else {
            throw Refusal("process \(peer.process) was not started by the connection's sshd")
        }
        let login: Login
        switch await connection.login() {
        case .success(let made)?: login = made
        case .failure(let withdrawal)?:
            throw Refusal(
                "\(UntrustedText.head(hello.user)): \(withdrawal.message)", message: withdrawal.message)
        case nil: throw Refusal("its connection has no login")
        }
        guard login.account.name == hello.user else {
            throw Refusal(
                "it says it is \"\(UntrustedText.head(hello.user))\", \(login.account.name) logged in")
        }
        // A connection lasts; each channel in it is decided on anew.
        if let ending = ending(of: login, connection, looking: .now) {
            intake.note(ending.attempt)
            throw Refusal("\(login.account.name): \(ending.message)", message: ending.message)
        }
        guard login.account.role == .sender else {
            return WelcomedSession(connection: connection, login: login, sender: nil)
        }
        do {
            let sender = try intake.beginSession(
                of: login.account.name,
                withdrawal: { [self] in
                    ending(of: login, connection, looking: .now - Self.freshness)
                        .map { ($0.attempt.reason, $0.message) }
                }, isHeard: isHeard)
            return WelcomedSession(connection: connection, login: login, sender: sender)
        } catch {
            let refusal = Refusal(
                "\(login.account.name): \(error)", message: Intake.storesNothing.description)
            // Before it has named a file: one entry for all that it would have sent.
            var attempt = attempt(.transfer, login, connection)
            attempt.verdict = .rejected
            attempt.reason = error is StagingError ? .stagingFull : .ledgerFailed
            attempt.detail["message"] = .string(refusal.message)
            intake.note(attempt)
            throw refusal
        }
    }

    // MARK: Authority

    /// Why a session may do nothing any more.
    struct Ending: Sendable {
        /// For the ledger.
        var attempt: Attempt
        /// For the client.
        var message: String
    }

    /// What a session may do is decided again and again, by the policy and the account of the moment; nil: it may.
    /// - Parameter looking: accounts that were looked at before this moment are looked at again.
    func ending(
        of login: Login, _ connection: SFTPConnection, looking: ContinuousClock.Instant
    ) -> Ending? {
        var attempt = attempt(.connection, login, connection)
        let withdrawal: LoginRevocation
        if attempt.verdict == .rejected {
            withdrawal = .source(attempt.reason)
        } else {
            let accounts = book.current(lookedAtAfter: looking)
            guard
                case .failure(let found) = accounts.account(
                    login.account.name, with: login.credential, since: login.account)
            else { return nil }
            withdrawal = found
        }
        attempt.verdict = .rejected
        attempt.reason = withdrawal.reason
        attempt.detail["session_ended"] = true
        attempt.detail["message"] = .string(withdrawal.message)
        return Ending(attempt: attempt, message: withdrawal.message)
    }

    /// The same for a session that lasts: the first time, with an entry.
    func ending(
        of session: WelcomedSession, looking: ContinuousClock.Instant = .now - Self.freshness
    ) -> SessionEnding? {
        guard let ending = ending(of: session.login, session.connection, looking: looking) else { return nil }
        if session.end() {
            intake.note(ending.attempt)
            logger.notice("a session of \(session.login.account.name) was ended: \(ending.message)")
        }
        return SessionEnding(message: ending.message)
    }

    /// How old the daemon's look at the account files may be for what changes no drop.
    private static let freshness = Duration.milliseconds(200)

    /// The account of a login as it is now, or why the login is not good any more.
    func current(_ login: Login) -> Result<Account, LoginRevocation> {
        book.current().account(login.account.name, with: login.credential, since: login.account)
    }

    /// Why a session's message ends the session.
    struct BadMessage: Error {
        let description: String
    }

    /// What a session may refuse by itself.
    private static let refusals: Set<Reason> = [
        .forbiddenOperation, .badPath, .tooLarge, .malformed, .stagingFull, .connectionLimit,
    ]

    /// Writes down what a session refused.
    func refused(_ refused: SessionRefusal, _ session: WelcomedSession) throws(BadMessage) {
        guard let reason = Reason(rawValue: refused.reason), Self.refusals.contains(reason) else {
            throw BadMessage(description: "a refusal for \"\(UntrustedText.head(refused.reason))\"")
        }
        var attempt = attempt(.transfer, session)
        attempt.verdict = .rejected
        attempt.reason = reason
        attempt.detail["operation"] = .string(UntrustedText.head(refused.operation))
        if !refused.path.isEmpty { attempt.detail["path"] = .string(Self.name(refused.path)) }
        attempt.detail["message"] = .string(UntrustedText.head(refused.message, limit: 256))
        intake.note(attempt)
    }

    /// Writes down a probe that went all the way in.
    func probed(_ probed: ProbeNotice, _ session: WelcomedSession) throws(BadMessage) {
        guard ProbeMarker.isMarker(probed.path), probed.bytes >= 0 else {
            throw BadMessage(description: "a probe that is none")
        }
        var attempt = attempt(.probe, session)
        attempt.detail["name_as_sent"] = .string(Self.name(probed.path))
        attempt.detail["bytes"] = .int(probed.bytes)
        intake.note(attempt)
    }

    /// An attempt with the source decided on now: an entry that was withdrawn since the login counts no more.
    func attempt(_ kind: EntryKind, _ session: WelcomedSession) -> Attempt {
        attempt(kind, session.login, session.connection)
    }

    private func attempt(_ kind: EntryKind, _ login: Login, _ connection: SFTPConnection) -> Attempt {
        let decision = intake.admit(connection.resolution, channel: .sftp)
        var attempt = Attempt(kind: kind, channel: .sftp, decision: decision)
        attempt.account = login.account.name
        attempt.credential = login.credential.description
        return attempt
    }

    /// A path for the ledger: printable and bounded.
    static func name(_ path: String) -> String { UntrustedText.head(path, limit: 1024) }
}
