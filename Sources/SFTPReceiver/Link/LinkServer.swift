// The Unix socket where session processes ask: accepts them, reads their lines one after another, answers.
// Anything that is not the agreed order of messages ends the session.
import CShims
import Glibc
import Logging
import NIOCore
import NIOPosix

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
            take: { [continuation] descriptor in
                if case .enqueued = continuation.yield(descriptor) { return }
                close(descriptor)
            }, turnAway: { close($0) })
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
                try await converse(peer, inbound, outbound)
            }
        } catch let error as LinkDesk.BadMessage {
            logger.warning("an SFTP session of process \(process) was ended: it sent \(error.description)")
        } catch is CancellationError {
            // The gate is stopping.
        } catch {
            logger.debug("an SFTP session of process \(process) ended: \(error)")
        }
    }

    private func converse(
        _ peer: LinkPeer, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        var lines = LineBuffer(limit: Link.maxLine)
        var session: LinkSession?
        for try await buffer in inbound {
            for line in try lines.feed(buffer.readableBytesView) {
                let message: SessionMessage
                do {
                    message = try Link.decode(SessionMessage.self, from: line)
                } catch {
                    throw LinkDesk.BadMessage(description: "a line that is no message")
                }
                guard var known = session else {
                    guard case .hello(let hello) = message else {
                        throw LinkDesk.BadMessage(description: "something before its hello")
                    }
                    let (welcomed, answer) = await desk.welcome(hello, from: peer)
                    try await outbound.write(ByteBuffer(bytes: Link.encode(DaemonMessage.welcome(answer))))
                    guard welcomed != nil else { return }
                    session = welcomed
                    continue
                }
                switch message {
                case .hello: throw LinkDesk.BadMessage(description: "a second hello")
                case .commit(let commit):
                    let answer = try await desk.commit(commit, known)
                    try await outbound.write(ByteBuffer(bytes: Link.encode(DaemonMessage.commit(answer))))
                case .refused(let refused): try desk.refused(refused, known)
                case .incomplete(let incomplete): try desk.incomplete(incomplete, known)
                case .probed(let probed): try desk.probed(probed, known)
                case .collect(let question):
                    let page = try await desk.collect(question, &known)
                    session = known
                    try await outbound.write(ByteBuffer(bytes: Link.encode(DaemonMessage.page(page))))
                }
            }
        }
    }
}
