// The Unix socket where session processes ask: accepts them, reads their lines one after another, answers.
// Anything that is not the agreed order of messages ends the session.
import CShims
import Glibc
import Logging
import NIOCore
import NIOPosix
import Sockets

struct LinkServer: Sendable {
    let socket: AcceptingSocket
    let desk: LinkDesk
    let logger: Logger
    private let arrivals: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation

    init(socket: AcceptingSocket, desk: LinkDesk, logger: Logger) {
        self.socket = socket
        self.desk = desk
        self.logger = logger
        (arrivals, continuation) = AsyncStream.makeStream()
    }

    /// No session is taken any more; `run` returns when those that are there have ended.
    func stop() { continuation.finish() }

    /// Serves sessions until `stop` or until the task is cancelled.
    func run() async {
        let acceptance = socket.accept(
            label: "dropgate.sftp.link",
            take: { [continuation] descriptor, _ in
                if case .enqueued = continuation.yield(descriptor) { return }
                close(descriptor)
            }, turnAway: { descriptor, _ in close(descriptor) })
        await withDiscardingTaskGroup { group in
            for await descriptor in arrivals {
                group.addTask { await serve(descriptor) }
            }
            acceptance.stop()
        }
    }

    private func serve(_ descriptor: Int32) async {
        var process: Int32 = 0
        var user: UInt32 = 0
        guard dropgate_peer_credentials(descriptor, &process, &user) == 0 else {
            close(descriptor)
            return
        }
        let peer = LinkPeer(process: process, user: user)
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .withConnectedSocket(descriptor) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await channel.executeThenClose { inbound, outbound in
                var conversation = Conversation(desk: desk, peer: peer, outbound: outbound)
                defer { conversation.session.map(desk.ended) }
                try await conversation.run(inbound)
            }
        } catch let error as LinkDesk.BadMessage {
            logger.warning("an SFTP session of process \(process) was ended: it sent \(error.description)")
        } catch is CancellationError {
            // The gate is stopping.
        } catch {
            logger.debug("an SFTP session of process \(process) ended: \(error)")
        }
    }
}

/// One session's messages in their order, and the watch over whether it may go on.
private struct Conversation {
    let desk: LinkDesk
    let peer: LinkPeer
    let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private(set) var session: LinkSession?

    /// How often it is asked whether a session that says nothing may go on.
    private static let watch = Duration.milliseconds(500)
    /// How long a session that may not has for its last words.
    private static let grace = Duration.seconds(5)

    init(desk: LinkDesk, peer: LinkPeer, outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
        self.desk = desk
        self.peer = peer
        self.outbound = outbound
    }

    mutating func run(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async throws {
        var lines = LineBuffer(limit: Link.maxLine)
        var watcher: Task<Void, Never>?
        defer { watcher?.cancel() }
        for try await buffer in inbound {
            for line in try lines.feed(buffer.readableBytesView) {
                let message: SessionMessage
                do {
                    message = try Link.decode(SessionMessage.self, from: line)
                } catch {
                    throw LinkDesk.BadMessage(description: "a line that is no message")
                }
                if let session {
                    try await answer(message, session)
                } else {
                    guard try await greet(message) else { return }
                    watcher = watched()
                }
            }
        }
    }

    /// Returns whether the session is welcome.
    private mutating func greet(_ message: SessionMessage) async throws -> Bool {
        guard case .hello(let hello) = message else {
            throw LinkDesk.BadMessage(description: "something before its hello")
        }
        let (welcomed, answer) = await desk.welcome(hello, from: peer)
        session = welcomed
        try await send(.welcome(answer))
        return welcomed != nil
    }

    private func answer(_ message: SessionMessage, _ session: LinkSession) async throws {
        switch message {
        case .hello: throw LinkDesk.BadMessage(description: "a second hello")
        case .refused(let refused): try desk.refused(refused, session)
        case .probed(let probed): try desk.probed(probed, session)
        case .collect(let question): try await send(.page(desk.collect(question, session)))
        // How an upload ended is told by a session that may do nothing any more, too. A commit says itself why not.
        case .ended, .commit: try await send(desk.answer(message, session))
        case .names, .change, .open, .room:
            if let end = desk.ending(of: session) {
                return try await send(.end(LinkEnd(message: end.message, answers: true)))
            }
            try await send(desk.answer(message, session))
        }
    }

    private func send(_ message: DaemonMessage) async throws {
        try await outbound.write(ByteBuffer(bytes: Link.encode(message)))
    }

    /// Ends a session whose source or account is not let in any more, also in the middle of a file.
    private func watched() -> Task<Void, Never>? {
        guard let session else { return nil }
        return Task { [desk, outbound] in
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.watch)
                guard !Task.isCancelled else { return }
                guard let end = desk.ending(of: session) else { continue }
                if let line = try? Link.encode(DaemonMessage.end(end)) {
                    try? await outbound.write(ByteBuffer(bytes: line))
                }
                try? await Task.sleep(for: Self.grace)
                session.connection.socket.hangUp()
                return
            }
        }
    }
}
