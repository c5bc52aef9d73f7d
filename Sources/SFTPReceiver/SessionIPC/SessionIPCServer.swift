// The Unix socket where session processes ask: accepts them, reads their lines one after another, answers.
// Anything that is not the agreed order of messages ends the session.
import Blocking
import LocalServer
import LocalSocket
import Logging
import SFTPSession

struct SessionIPCServer: Sendable {
    let server: LocalServer
    let handler: SessionIPCHandler
    /// Where `run` runs: `handler` reads files and the ledger.
    let executor: BlockingExecutor
    let logger: Logger

    /// - Parameter waiting: how many of the executor's threads may wait for a session's next question.
    init(
        socket: KeptSocket, handler: SessionIPCHandler, executor: BlockingExecutor, waiting: Int = 0,
        logger: Logger
    ) {
        server = LocalServer(
            socket: socket, label: "dropgate.sftp.link", longest: SessionIPC.maxLine, waiting: waiting)
        self.handler = handler
        self.executor = executor
        self.logger = logger
    }

    /// No session is taken any more; `run` returns when those that are there have ended.
    func stop() { server.stop() }

    /// Serves sessions until `stop` or until the task is cancelled.
    func run() async {
        await server.run { lines in
            var conversation = Conversation(
                handler: handler, executor: executor, peer: lines.peer, writer: lines.writer)
            defer { conversation.session.map(handler.ended) }
            try await conversation.run(&lines)
        } failed: { peer, error in
            switch error {
            case let error as SessionIPCHandler.BadMessage:
                logger.warning(
                    "an SFTP session of process \(peer.process) was ended: it sent \(error.description)")
            // The gate is stopping.
            case is CancellationError: break
            default: logger.debug("an SFTP session of process \(peer.process) ended: \(error)")
            }
        }
    }
}

/// One session's messages in their order, and the watch over whether it may go on.
private struct Conversation {
    let handler: SessionIPCHandler
    let executor: BlockingExecutor
    let peer: LocalPeer
    let writer: LocalWriter
    private(set) var session: WelcomedSession?

    /// How often it is asked whether a session that says nothing may go on.
    private static let watch = Duration.milliseconds(500)
    /// How long a session that may not has for its last words.
    private static let grace = Duration.seconds(5)

    init(
        handler: SessionIPCHandler, executor: BlockingExecutor, peer: LocalPeer, writer: LocalWriter
    ) {
        self.handler = handler
        self.executor = executor
        self.peer = peer
        self.writer = writer
    }

    mutating func run(_ lines: inout LocalConversation) async throws {
        var watcher: Task<Void, Never>?
        defer { watcher?.cancel() }
        while let line = try await lines.next() {
            if let session {
                let message: SessionMessage
                do throws(StrangeLine) { message = try SessionMessage(line: line) } catch {
                    throw SessionIPCHandler.BadMessage(description: "a line that is not a message")
                }
                let content = try await content(of: message, &lines)
                try await answer(message, content, session)
            } else {
                // Releases before version 5 said it in JSON. Theirs cannot read the answer; the operator is told.
                let first = try? SessionMessage(line: line)
                guard try await greet(first ?? .hello(.stranger(version: SessionHello.unknownVersion))) else {
                    return
                }
                watcher = watched()
            }
        }
    }

    /// Returns whether the session is welcome.
    private mutating func greet(_ message: SessionMessage) async throws -> Bool {
        guard case .hello(let hello) = message else {
            throw SessionIPCHandler.BadMessage(description: "something before its hello")
        }
        let (welcomed, answer) = await handler.welcome(hello, from: peer) { [writer] in writer.isHeard }
        session = welcomed
        if welcomed != nil { handler.sessions.began() }
        try send(.welcome(answer))
        return welcomed != nil
    }

    /// The bytes that follow a commit of a small upload; nil where none follow.
    private func content(
        of message: SessionMessage, _ lines: inout LocalConversation
    ) async throws -> [UInt8]? {
        guard case .commit(let commit) = message, commit.isInline else { return nil }
        guard (0...SessionIPC.mostInline).contains(commit.bytes) else {
            throw SessionIPCHandler.BadMessage(description: "more bytes with a commit than go with one")
        }
        guard let content = try await lines.next(Int(commit.bytes)) else {
            throw SessionIPCHandler.BadMessage(description: "a commit without its bytes")
        }
        return content
    }

    private func answer(
        _ message: SessionMessage, _ content: [UInt8]?, _ session: WelcomedSession
    ) async throws {
        switch message {
        case .hello: throw SessionIPCHandler.BadMessage(description: "a second hello")
        case .refused(let refused): try handler.refused(refused, session)
        case .probed(let probed): try handler.probed(probed, session)
        case .collect(let question): try await send(.page(handler.collect(question, session)))
        // How an upload ended is told by a session that may do nothing any more, too. A commit says itself why not.
        case .ended, .commit: try await send(handler.answer(message, content, session))
        case .names, .change, .open, .room:
            if let end = handler.ending(of: session) {
                return try send(.end(SessionEnding(message: end.message, answers: true)))
            }
            try await send(handler.answer(message, nil, session))
        }
    }

    private func send(_ message: DaemonMessage) throws { try writer.send(message.line) }

    /// Ends a session whose source or account is not let in any more, also in the middle of a file.
    private func watched() -> Task<Void, Never>? {
        guard let session else { return nil }
        return Task(executorPreference: executor) { [handler, writer] in
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.watch)
                guard !Task.isCancelled else { return }
                guard let end = handler.ending(of: session) else { continue }
                try? writer.send(DaemonMessage.end(end).line)
                try? await Task.sleep(for: Self.grace)
                session.connection.socket.hangUp()
                return
            }
        }
    }
}
