// The daemon's side of one session: who it is, and what it may commit. Every commit is decided anew, on the
// source and on the account; what fails stays in `incoming/` for the sender to resume.
import Admission
import Glibc
import Intake
import Ledger
import Logging
import Staging

/// What the daemon tells every session.
struct LinkTerms: Sendable {
    var maxFile: Int64
    var reserveBytes: Int64
    var reserveInodes: Int64
    var provisional: [String]
}

/// The process at the other end of the Unix socket, as the kernel knows it.
struct LinkPeer: Sendable {
    var process: pid_t
    var user: uid_t
}

/// A session that was welcomed.
struct LinkSession: Sendable {
    var connection: SFTPConnection
    var login: Login
    /// A collector's: the ledger says that it has looked.
    var hasRead = false
}

struct LinkDesk: Sendable {
    let intake: Intake
    let table: ConnectionTable
    let book: AccountBook
    let terms: LinkTerms
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
    func welcome(_ hello: LinkHello, from peer: LinkPeer) async -> (LinkSession?, LinkWelcome) {
        do throws(Refusal) {
            let session = try await session(hello, from: peer)
            let account = session.login.account
            if account.role == .collector {
                return (session, .collector(account.name, staging: intake.staging.path))
            }
            let incoming: String
            do throws(StagingError) {
                incoming = try intake.staging.uploads(of: account.name).path
            } catch {
                throw Refusal("\(error)", message: "the gate cannot store anything now; try again later")
            }
            let welcome = LinkWelcome(
                ok: true, account: account.name, incoming: incoming, maxFile: terms.maxFile,
                reserveBytes: terms.reserveBytes, reserveInodes: terms.reserveInodes,
                provisional: terms.provisional)
            return (session, welcome)
        } catch {
            logger.warning("an SFTP session was not welcomed: \(error.log)")
            return (nil, .refusal(error.message))
        }
    }

    private func session(_ hello: LinkHello, from peer: LinkPeer) async throws(Refusal) -> LinkSession {
        guard hello.version == Link.version else {
            throw Refusal(
                "it speaks version \(hello.version), the daemon \(Link.version)",
                message: "the gate is being updated; try again in a minute")
        }
        guard peer.user == getuid() else { throw Refusal("its process belongs to user \(peer.user)") }
        guard peer.process == hello.pid else {
            throw Refusal("it says it is process \(hello.pid) and is \(peer.process)")
        }
        guard let addresses = AddressPair(sshConnection: hello.connection),
            let connection = table.find(addresses)
        else {
            throw Refusal("no open connection is \"\(OutsideText.head(hello.connection))\"")
        }
        guard let sshd = await connection.process, ProcessTree.isDescendant(peer.process, of: sshd) else {
            throw Refusal("process \(peer.process) was not started by the connection's sshd")
        }
        let login: Login
        switch await connection.login() {
        case .success(let made)?: login = made
        case .failure(let withdrawal)?:
            throw Refusal(
                "\(OutsideText.head(hello.user)): \(withdrawal.message)", message: withdrawal.message)
        case nil: throw Refusal("its connection has no login")
        }
        guard login.account.name == hello.user else {
            throw Refusal(
                "it says it is \"\(OutsideText.head(hello.user))\", \(login.account.name) logged in")
        }
        if let withdrawal = withdrawal(of: login) {
            throw Refusal("\(login.account.name): \(withdrawal.message)", message: withdrawal.message)
        }
        return LinkSession(connection: connection, login: login)
    }

    /// Why a login is not good any more, or nil.
    private func withdrawal(of login: Login) -> Withdrawal? {
        guard case .failure(let withdrawal) = current(login) else { return nil }
        return withdrawal
    }

    /// The account of a login as it is now, or why the login is not good any more.
    func current(_ login: Login) -> Result<Account, Withdrawal> {
        book.current().account(login.account.name, with: login.credential, since: login.account)
    }

    // MARK: Uploads

    /// Why a session's message ends the session.
    struct BadMessage: Error {
        let description: String
    }

    /// Answers a commit. Throws for one that no session of ours would send.
    func commit(_ commit: LinkCommit, _ session: LinkSession) async throws(BadMessage) -> LinkCommitAnswer {
        guard DropID.isValid(commit.drop), commit.partial == commit.drop + ".part", commit.bytes >= 0,
            commit.sha256.utf8.count == 64, commit.sha256.utf8.allSatisfy(Self.isHex), !commit.path.isEmpty
        else {
            throw BadMessage(description: "a commit of what cannot be a drop")
        }
        guard session.login.account.role == .sender else {
            throw BadMessage(description: "a collector's commit")
        }
        var attempt = attempt(.transfer, session)
        if attempt.verdict == .rejected {
            return refuse(commit, attempt, "the gate does not take files from this address any more")
        }
        if let withdrawal = withdrawal(of: session.login) {
            attempt.verdict = .rejected
            attempt.reason = withdrawal.reason
            return refuse(commit, attempt, withdrawal.message)
        }
        let upload = FinishedUpload(
            dropID: commit.drop, account: session.login.account.name, partial: commit.partial,
            path: commit.path,
            bytes: commit.bytes, sha256: commit.sha256, modified: commit.modified)
        do throws(IntakeError) {
            let outcome = try await intake.commit(upload, attempt: attempt)
            return LinkCommitAnswer(
                id: commit.id, ok: true, status: outcome.status == .stored ? .stored : .duplicate,
                name: outcome.name)
        } catch {
            attempt.verdict = .rejected
            attempt.reason = error.code
            return refuse(commit, attempt, error.description)
        }
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private func refuse(_ commit: LinkCommit, _ attempt: Attempt, _ message: String) -> LinkCommitAnswer {
        var attempt = attempt
        attempt.drop = DropFacts(
            id: commit.drop, name: Self.name(commit.path), bytes: commit.bytes, sha256: commit.sha256)
        attempt.detail["message"] = .string(OutsideText.head(message, limit: 256))
        intake.note(attempt)
        return LinkCommitAnswer(id: commit.id, ok: false, code: attempt.reason.rawValue, message: message)
    }

    /// What a session may refuse by itself.
    private static let refusals: Set<Reason> = [
        .forbiddenOperation, .badPath, .tooLarge, .malformed, .stagingFull, .connectionLimit,
    ]

    /// Writes down what a session refused.
    func refused(_ refused: LinkRefused, _ session: LinkSession) throws(BadMessage) {
        guard let reason = Reason(rawValue: refused.reason), Self.refusals.contains(reason) else {
            throw BadMessage(description: "a refusal for \"\(OutsideText.head(refused.reason))\"")
        }
        var attempt = attempt(.transfer, session)
        attempt.verdict = .rejected
        attempt.reason = reason
        attempt.detail["operation"] = .string(OutsideText.head(refused.operation))
        if !refused.path.isEmpty { attempt.detail["path"] = .string(Self.name(refused.path)) }
        attempt.detail["message"] = .string(OutsideText.head(refused.message, limit: 256))
        intake.note(attempt)
    }

    /// Writes down an upload that ended before it was whole.
    func incomplete(_ incomplete: LinkIncomplete, _ session: LinkSession) throws(BadMessage) {
        guard DropID.isValid(incomplete.drop), incomplete.bytes >= 0 else {
            throw BadMessage(description: "an incomplete upload of what cannot be a drop")
        }
        var attempt = attempt(.transfer, session)
        attempt.verdict = .rejected
        attempt.reason = .incomplete
        attempt.drop = DropFacts(
            id: incomplete.drop, name: Self.name(incomplete.path), bytes: incomplete.bytes, sha256: nil)
        attempt.detail["message"] = .string(OutsideText.head(incomplete.message, limit: 256))
        intake.note(attempt)
    }

    /// Writes down a probe that went all the way in.
    func probed(_ probed: LinkProbed, _ session: LinkSession) throws(BadMessage) {
        guard ProbeMarker.isMarker(probed.path), probed.bytes >= 0 else {
            throw BadMessage(description: "a probe that is none")
        }
        var attempt = attempt(.probe, session)
        attempt.detail["name_as_sent"] = .string(Self.name(probed.path))
        attempt.detail["bytes"] = .int(probed.bytes)
        intake.note(attempt)
    }

    /// An attempt with the source decided on now: an entry that was withdrawn since the login counts no more.
    func attempt(_ kind: EntryKind, _ session: LinkSession) -> Attempt {
        let decision = intake.admit(session.connection.resolution, channel: .sftp)
        var attempt = Attempt(kind: kind, channel: .sftp, decision: decision)
        attempt.account = session.login.account.name
        attempt.credential = session.login.credential.description
        return attempt
    }

    /// A path for the ledger: printable and bounded.
    private static func name(_ path: String) -> String { OutsideText.head(path, limit: 1024) }
}
