// The SFTP channel of the gate as one service: listens, admits, hands connections to sshd, and answers the
// sessions that sshd starts. It speaks no SSH and no SFTP itself.
import Accounts
import Admission
import Blocking
import Glibc
package import Intake
import LocalServer
package import Logging
import ServiceLifecycle
package import Settings
import Sockets
import Staging
import Synchronization

package final class SFTPReceiver: Service {
    package struct Configuration: Sendable {
        package var settings: SFTPSettings
        /// The state directory, absolute; `StateLayout.sshd` in it is this receiver's.
        package var state: String
        /// The directory of account files, absolute.
        package var accounts: String
        package var tools: SSHDTools
        /// How long a stop waits for logged-in connections to end by themselves.
        package var shutdownGrace = Duration.seconds(10)

        package init(
            settings: SFTPSettings, state: String, accounts: String, tools: SSHDTools = .find()
        ) {
            self.settings = settings
            self.state = state
            self.accounts = accounts
            self.tools = tools
        }

        /// From a gate's settings; nil when its SFTP section is absent.
        package init?(_ gate: GateSettings) {
            guard let sftp = gate.sftp else { return nil }
            self.init(settings: sftp, state: gate.state, accounts: gate.accounts)
        }
    }

    /// The port that is listened on; differs from the settings' when that is 0.
    package let port: UInt16
    /// How many connections are open now.
    package var openConnections: Int { table.count }

    private let configuration: Configuration
    private let listener: AcceptingSocket
    private let handler: ConnectionHandler
    private let links: SessionIPCServer
    private let table: ConnectionTable
    /// What is asked of accounts, staging and ledger for a connection or a session blocks, so all their tasks run here: a disk
    /// that stalls holds up SFTP, and no webhook. Callers cannot make more threads of it.
    private let executor: BlockingExecutor
    private let isStopping = Atomic(false)

    private init(
        port: UInt16, configuration: Configuration, listener: AcceptingSocket, handler: ConnectionHandler,
        links: SessionIPCServer, table: ConnectionTable, executor: BlockingExecutor
    ) {
        self.port = port
        self.configuration = configuration
        self.listener = listener
        self.handler = handler
        self.links = links
        self.table = table
        self.executor = executor
    }

    /// Prepares sshd's files, has sshd check them, and listens; connections wait until `run`. Throws
    /// `SSHDError`, `ListenError` or `PolicyError` with what to do about it.
    package static func open(_ configuration: Configuration, intake: Intake, logger: Logger) async throws
        -> SFTPReceiver
    {
        let settings = configuration.settings
        let resolver = try AddressResolver(
            mode: settings.address.mode, trustedProxies: settings.address.trustedProxies)
        let checked = try await SSHDFiles.checked(configuration)
        let files = checked.files
        warnWithoutWrapper(files, intake, logger)
        let sshd = SSHDWatch(KeptFiles(files), health: intake.health, logger: logger)
        if let lack = checked.lack { sshd.failed(lack) }
        let book = AccountCache(
            store: AccountStore(directory: configuration.accounts),
            handOver: { try sshd.kept.write($0) },
            report: { report($0, intake, logger) })
        _ = book.current()
        let table = ConnectionTable(
            maximum: settings.maxConnections, maximumPerSource: settings.maxConnectionsPerSource)
        let link = try KeptSocket(
            files.configuration.socket, "the socket of SFTP sessions", logger: logger,
            report: intake.health.tell(socket:_:),
            // They lie beside it, and tell of themselves.
            prepare: { sshd.restoreFiles() })
        let handler = ConnectionHandler(
            intake: intake, resolver: resolver, table: table, book: book, process: SSHDProcess(files: files),
            sshd: sshd, link: link, loginGrace: settings.loginGrace, logger: logger)
        let sessionHandler = SessionIPCHandler(
            intake: intake, table: table, book: book,
            terms: SessionTerms(
                maxFile: settings.maxFile, provisional: intake.temporaryNames.patterns,
                idleTimeout: Int(settings.idleTimeout.components.seconds)),
            logger: logger)
        addMetrics(intake.metrics, table, sessionHandler.sessions)
        let executor = BlockingExecutor(label: "dropgate.sftp", width: threads)
        let links = SessionIPCServer(
            socket: link, handler: sessionHandler, executor: executor, waiting: threads / 2, logger: logger)
        let listen = settings.listen
        let listener = try AcceptingSocket.tcp(Endpoint(ip: listen.ip, port: listen.port))
        let port = listener.port ?? listen.port
        return SFTPReceiver(
            port: port, configuration: configuration, listener: listener, handler: handler, links: links,
            table: table, executor: executor)
    }

    private static let threads = 16

    /// Serves until graceful shutdown: then nobody new is let in, callers without a login are hung up on, and
    /// logged-in ones have `shutdownGrace` to finish. What they had not finished stays for resume.
    package func run() async throws {
        let (arrivals, continuation) = AsyncStream.makeStream(of: IncomingConnection.self)
        let acceptance = listener.accept(
            label: "dropgate.sftp.accept",
            take: { [handler] descriptor, peer in
                guard let incoming = handler.arrived(ConnectedSocket(descriptor, peer: peer)) else { return }
                if case .enqueued = continuation.yield(incoming) { return }
                handler.dismiss(incoming)
            }, turnAway: { [handler] in handler.turnAway(ConnectedSocket($0, peer: $1)) })
        let (stopped, stop) = AsyncStream.makeStream(of: Void.self)
        await withGracefulShutdownHandler {
            await withTaskExecutorPreference(executor) { await serveUntilEnd(arrivals, stopped) }
        } onGracefulShutdown: {
            self.isStopping.store(true, ordering: .releasing)
            continuation.finish()
            acceptance.stop()
            stop.finish()
        }
        await acceptance.end()
    }

    /// Returns when the last connection and the last session have ended.
    private func serveUntilEnd(
        _ arrivals: AsyncStream<IncomingConnection>, _ stopped: AsyncStream<Void>
    ) async {
        await withTaskGroup(of: Ending.self) { group in
            group.addTask {
                await self.links.run()
                return .links
            }
            group.addTask {
                await self.watchAccounts()
                return .patience
            }
            group.addTask {
                await self.watchSSHD()
                return .patience
            }
            group.addTask {
                for await _ in stopped {}
                await self.endConnections()
                return .patience
            }
            group.addTask {
                await self.serve(arrivals)
                return .connections
            }
            for await ending in group where ending != .patience {
                if ending == .links { return group.cancelAll() }
                // Sessions see their connection end and say what they leave unfinished.
                self.links.stop()
                group.addTask {
                    try? await Task.sleep(for: Self.lastWords)
                    return .links
                }
            }
        }
    }

    /// What has ended, in the order of stopping.
    private enum Ending: Sendable { case connections, links, patience }

    /// How long sessions have to say what they leave unfinished, once their connections have ended.
    private static let lastWords = Duration.seconds(2)

    /// What is wrong with an account file is said when it is written, not when its account next calls.
    private func watchAccounts() async {
        while !Task.isCancelled, !isStopping.load(ordering: .acquiring) {
            _ = handler.book.current()
            try? await Task.sleep(for: Self.accountsEvery)
        }
    }

    private static let accountsEvery = Duration.seconds(1)

    /// Apart from the accounts: a sshd that hangs holds up nothing else.
    private func watchSSHD() async {
        while !Task.isCancelled, !isStopping.load(ordering: .acquiring) {
            // Before a caller comes, who would have to wait for it.
            handler.sshd.restoreFiles()
            await handler.sshd.checkAgain()
            try? await Task.sleep(for: Self.sshdEvery)
        }
    }

    private static let sshdEvery = Duration.seconds(1)

    private func serve(_ arrivals: AsyncStream<IncomingConnection>) async {
        await withDiscardingTaskGroup { group in
            for await incoming in arrivals {
                if isStopping.load(ordering: .acquiring) {
                    handler.dismiss(incoming)
                } else {
                    group.addTask { await self.handler.serve(incoming) }
                }
            }
        }
    }

    private func endConnections() async {
        guard !Task.isCancelled else { return }
        for connection in table.all where await !connection.hasLogin { connection.socket.hangUp() }
        // Cancelled as soon as the last connection has ended.
        try? await Task.sleep(for: configuration.shutdownGrace)
        for connection in table.all { connection.socket.hangUp() }
    }
}
