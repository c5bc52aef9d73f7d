// From an accepted socket to its last ledger entry: resolve, admit, count, hand to sshd, follow the log.
// Every connection ends in at least one entry; a login is in the ledger before its session may do anything.
import Accounts
import Admission
import Files
import Glibc
import Intake
import JSON
import Ledger
import LocalServer
import Logging
import ServiceLifecycle
import Sockets

/// What the listener hands on: a connection that may be served, or one whose source is not known yet.
enum IncomingConnection: Sendable {
    case admitted(SFTPConnection)
    case announced(ConnectedSocket)
}

struct ConnectionHandler: Sendable {
    let intake: Intake
    let resolver: AddressResolver
    let table: ConnectionTable
    let book: AccountCache
    let process: SSHDProcess
    let sshd: SSHDWatch
    /// Where the sessions that sshd starts find the gate.
    let link: KeptSocket
    let loginGrace: Duration
    let logger: Logger
    let proxies = ProxyHeaderReader()
    let brake = PasswordBrake()
    let names = TypedNames()

    // MARK: Arriving

    /// Decides on a connection that was just accepted. It is quick and never blocks: unlisted sources cost no task.
    func arrived(_ socket: ConnectedSocket) -> IncomingConnection? {
        let peer = socket.peer
        guard awaitsHeader(peer) else {
            return admit(socket, resolver.resolve(peer: peer)).map { .admitted($0) }
        }
        guard table.enter() else {
            let resolution = resolver.resolve(peer: peer)
            reject(socket, intake.admit(resolution, channel: .sftp), reason: .connectionLimit)
            return nil
        }
        return .announced(socket)
    }

    /// Whether a trusted proxy is to say who calls.
    private func awaitsHeader(_ peer: Endpoint?) -> Bool {
        guard let peer, resolver.mode.readsProxyHeader else { return false }
        return resolver.isTrusted(peer.ip)
    }

    /// Rejects a connection for which the process has no descriptors left.
    func turnAway(_ socket: ConnectedSocket) {
        var resolution = resolver.resolve(peer: socket.peer)
        // A header that nobody reads is not a bad one.
        let isUnread = awaitsHeader(socket.peer)
        if isUnread { resolution.trace.append("the process had no descriptor left to read one") }
        let decision = intake.admit(resolution, channel: .sftp)
        guard decision.isAdmitted || isUnread else {
            return reject(socket, decision, reason: decision.reason)
        }
        reject(socket, decision, reason: .connectionLimit, detail: ["limit": "open files"])
    }

    /// Serves an incoming connection to its end.
    func serve(_ incoming: IncomingConnection) async {
        switch incoming {
        case .admitted(let connection):
            defer { intake.ownConnections.ended(connection.socket.peer) }
            await serve(connection)
        case .announced(let socket):
            defer { intake.ownConnections.ended(socket.peer) }
            let resolution = await resolve(socket)
            // The place was for the header; `admit` takes one for the connection.
            table.leave()
            guard let resolution else { return socket.close() }
            if let connection = admit(socket, resolution) { await serve(connection) }
        }
    }

    /// Gives up an incoming connection that nobody will serve: the gate is stopping.
    func dismiss(_ incoming: IncomingConnection) {
        switch incoming {
        case .announced(let socket):
            table.leave()
            reject(
                socket, intake.admit(resolver.resolve(peer: socket.peer), channel: .sftp), reason: .stopped)
        case .admitted(let connection):
            release(connection)
            reject(connection.socket, connection.decision, reason: .stopped)
        }
    }

    /// nil: the trusted proxy only looked whether the gate is there (it calls for itself, does not know for whom, or has
    /// gone again). That is not an attempt: balancers do so every second or two.
    private func resolve(_ socket: ConnectedSocket) async -> Resolution? {
        guard let descriptor = socket.open else { return resolver.resolve(peer: socket.peer) }
        let failure: String
        switch await proxies.read(descriptor) {
        case .failure(.closed): return nil
        case .success(let header):
            let resolution = resolver.resolve(peer: socket.peer, proxy: header)
            guard resolver.isOfProxy(header, peer: socket.peer) else { return resolution }
            return intake.admit(resolution, channel: .sftp).isAdmitted ? resolution : nil
        case .failure(.late): failure = "no whole PROXY header came within \(ProxyHeaderReader.limit)"
        case .failure(.malformed(let message)): failure = message
        }
        var resolution = resolver.resolve(peer: socket.peer)
        resolution.trace.append(failure)
        return resolution
    }

    /// The connection, registered and counted, or nil when it was rejected, recorded and closed.
    private func admit(_ socket: ConnectedSocket, _ resolution: Resolution) -> SFTPConnection? {
        let decision = intake.admit(resolution, channel: .sftp)
        guard decision.isAdmitted, let source = decision.source, let addresses = socket.addresses else {
            reject(socket, decision, reason: decision.isAdmitted ? .addressUndeterminable : decision.reason)
            return nil
        }
        let connection = SFTPConnection(
            socket: socket, addresses: addresses, resolution: resolution, decision: decision, source: source)
        guard table.add(connection, source: source.ip) else {
            reject(socket, decision, reason: .connectionLimit)
            return nil
        }
        return connection
    }

    private func reject(
        _ socket: ConnectedSocket, _ decision: Decision, reason: Reason, detail: [String: JSONValue] = [:]
    ) {
        socket.close()
        var attempt = Attempt(kind: .connection, channel: .sftp, decision: decision)
        attempt.verdict = .rejected
        attempt.reason = reason
        attempt.detail.merge(detail) { $1 }
        intake.note(attempt)
        intake.ownConnections.ended(socket.peer)
    }

    private func release(_ connection: SFTPConnection) {
        table.remove(connection, source: connection.source.ip)
    }

    // MARK: Serving

    private func serve(_ connection: SFTPConnection) async {
        let log = LoginLog()
        let pace = await hold(connection)
        await log.slow(pace)
        sshd.restoreFiles()
        link.keep()
        // sshd's files follow the accounts before it reads them.
        let accounts = book.current()
        let began = ContinuousClock.now
        var ending: SSHDEnding?
        if !connection.socket.wasHungUp, connection.socket.makeBlocking(),
            let descriptor = connection.socket.open
        {
            do {
                let status = try await process.run(on: descriptor, takesPasswords: pace.takesPasswords) {
                    process, messages in
                    await connection.started(process)
                    for await message in messages { await follow(message, connection, log, accounts, began) }
                }
                let ended = SSHDEnding(status: status)
                ending = ended
                await judge(connection, log, ended)
            } catch {
                await failed(log, error)
            }
        }
        if await connection.hasLogin { noteSession() }
        await connection.ended()
        defer {
            release(connection)
            connection.socket.close()
        }
        guard let record = await log.withoutOutcome else { return }
        let end = LoginRecord.End(
            sshd: ending, elapsed: ContinuousClock.now - began, loginGrace: loginGrace,
            isHungUp: connection.socket.wasHungUp)
        intake.note(
            record.failure(
                intake.admit(connection.resolution, channel: .sftp), end: end, accounts: book.current(),
                names: names))
    }

    /// Makes a connection wait whose source has sent wrong passwords. It keeps its place, no thread waits with it,
    /// and a gate that stops does not wait for it. Returns how it may go on, with the time that it waited.
    private func hold(_ connection: SFTPConnection) async -> Pace {
        let hold = brake.pace(connection.source.ip).hold
        if hold > .zero {
            await cancelWhenGracefulShutdown {
                do {
                    try await Task.sleep(for: hold)
                } catch {
                    connection.socket.hangUp()
                }
            }
        }
        // What the others of its source did meanwhile counts, but nobody waits twice.
        return Pace(hold: hold, takesPasswords: brake.pace(connection.source.ip).takesPasswords)
    }

    private static let sessionProblem = "sftp.session"

    /// Whether sshd did its work, whatever its caller did.
    private func judge(_ connection: SFTPConnection, _ log: LoginLog, _ ending: SSHDEnding) async {
        let signs = await log.signs
        // The gate may have ended it.
        guard !signs.showItWorks, !Task.isCancelled, !connection.socket.wasHungUp else { return }
        let isReset = connection.socket.open.map(SystemCall.hasEnded) ?? true
        let program = process.files.tools.sshd ?? "sshd"
        guard let failure = signs.failure(of: program, ending, isReset: isReset) else { return }
        await tell(failure, hadNoRoom: SSHDTools.tellsOfNoRoom(failure), log)
    }

    /// A session that went away under a running gate fails at every login, and sshd alone would know.
    private func noteSession() {
        let session = process.files.configuration.session
        guard access(session, X_OK) != 0 else {
            intake.health.clear(problem: Self.sessionProblem)
            return
        }
        let why = "\(SystemError.last)"
        let message = "\(session), which sshd starts for each login, is gone: \(why)"
        if intake.health.set(problem: Self.sessionProblem, message: message) {
            logger.error("\(message); no login gets any further until it is installed again")
        }
    }

    private func failed(_ log: LoginLog, _ error: any Error) async {
        guard !(error is CancellationError), !Task.isCancelled else { return }
        let why =
            (error as? SSHDError)?.description ?? (error as? ListenError)?.description
            ?? SSHDTools.words(error)
        let failure = "sshd cannot be started: \(why)"
        let hadNoRoom = SSHDTools.wantsRoom((error as? ListenError)?.code ?? SSHDTools.code(error))
        await tell(failure, hadNoRoom: hadNoRoom, log)
    }

    /// Open connections may be what takes all the room: the entry of who is one too many does not blame sshd.
    private func tell(_ failure: String, hadNoRoom: Bool, _ log: LoginLog) async {
        sshd.failed(failure, hadNoRoom: hadNoRoom)
        await log.fail(failure, reason: hadNoRoom ? .connectionLimit : .sshdFailed)
    }

    private func follow(
        _ message: String, _ connection: SFTPConnection, _ log: LoginLog, _ accounts: AccountSnapshot,
        _ began: ContinuousClock.Instant
    ) async {
        let event = SSHDLogParser.parse(message)
        if await log.noteSigns(event, message) { sshd.works(since: began) }
        if logger.logLevel <= .debug {
            let text = await log.printable(message, event, accounts)
            logger.debug("sshd: \(text)")
        }
        if case .tooManySessions = event, let login = await connection.established {
            return noteRefusedChannel(connection, login)
        }
        guard case .accepted(let method, let name, let fingerprint) = event else {
            await log.note(event)
            if case .failed("password", _, _, _) = event { await countFailure(connection, log) }
            return
        }
        guard await !connection.hasLogin, await !log.isLimited else { return }
        let credential = fingerprint.map { Credential.key(fingerprint: $0) } ?? .password
        // Policy and accounts may have changed since the connection was accepted.
        let decision = intake.admit(connection.resolution, channel: .sftp)
        switch permission(name, credential, decision) {
        case .success(let account):
            let attempt = await log.record.success(
                decision, account: name, credential: credential, method: method)
            do {
                try await intake.record(attempt)
                await log.written()
                await connection.loggedIn(Login(account: account, credential: credential))
            } catch {
                await log.fail("the login could not be written to the ledger", reason: .ledgerFailed)
                connection.socket.hangUp()
            }
        case .failure(let withdrawal):
            // Written now: a caller that opens no channel may stay for as long as an idle one.
            await log.refuse(name, credential, withdrawal, decision)
            let end = LoginRecord.End(sshd: nil, elapsed: .zero, loginGrace: loginGrace)
            let record = await log.record
            intake.note(record.failure(decision, end: end, accounts: accounts, names: names))
            await log.written()
            // Its session tells the client why; it may do nothing.
            await connection.refused(withdrawal)
        }
    }

    /// Of kind connection: no file has been named yet, and the limit is one of connections.
    private func noteRefusedChannel(_ connection: SFTPConnection, _ login: Login) {
        var attempt = Attempt(
            kind: .connection, channel: .sftp, decision: intake.admit(connection.resolution, channel: .sftp))
        attempt.verdict = .rejected
        attempt.reason = .connectionLimit
        attempt.account = login.account.name
        attempt.credential = login.credential.description
        let limit = process.files.configuration.maxSessions
        attempt.detail["limit"] = .int(Int64(limit))
        attempt.detail["message"] = .string("more than \(limit) channels at once on one connection")
        intake.note(attempt)
    }

    /// Whether a login that sshd took is one, now.
    private func permission(
        _ name: String, _ credential: Credential, _ decision: Decision
    ) -> Result<Account, LoginRevocation> {
        guard decision.isAdmitted else { return .failure(.source(decision.reason)) }
        return book.current().account(name, with: credential)
    }

    /// Counts a wrong password. Connections that came in before there were too many of them end with their next
    /// one: otherwise as many tries were to be had as connections at once, times sshd's own limit.
    private func countFailure(_ connection: SFTPConnection, _ log: LoginLog) async {
        guard !brake.failed(connection.source.ip).takesPasswords else { return }
        await log.limit()
        connection.socket.hangUp()
    }
}
