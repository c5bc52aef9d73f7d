// The listening end of a local socket: takes callers of this machine, says which process and user each is, and gives their
// lines one after another. It knows no message.
import CShims
package import Glibc
import LocalSocket
import NIOCore
import NIOPosix
package import Sockets

/// The process at the other end, as the kernel knows it (SO_PEERCRED, unix(7)).
package struct LocalPeer: Sendable, Hashable {
    package var process: pid_t
    package var user: uid_t
    /// Who has logged in, whatever user the process runs as since (su, sudo): the kernel's audit login user. nil for a process
    /// of no login, and where the kernel does not tell.
    package var login: uid_t?

    package init(process: pid_t, user: uid_t, login: uid_t? = nil) {
        self.process = process
        self.user = user
        self.login = login
    }
}

package struct LocalServer: Sendable {
    private let socket: AcceptingSocket
    private let label: String
    /// Bytes of a line that is taken.
    private let longest: Int
    private let arrivals: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation

    /// - Parameter label: of the thread that accepts.
    package init(socket: AcceptingSocket, label: String, longest: Int) {
        self.socket = socket
        self.label = label
        self.longest = longest
        (arrivals, continuation) = AsyncStream.makeStream()
    }

    /// No caller is taken any more; `run` returns when those that are there have ended.
    package func stop() { continuation.finish() }

    /// Serves callers, each in a task of its own, until `stop` or until the task is cancelled. What `serve` throws ends one
    /// caller's connection and is told to `failed`.
    package func run(
        serve: @escaping @Sendable (inout LocalConversation) async throws -> Void,
        failed: @escaping @Sendable (LocalPeer, any Error) -> Void
    ) async {
        let acceptance = socket.accept(
            label: label,
            take: { [continuation] descriptor, _ in
                if case .enqueued = continuation.yield(descriptor) { return }
                close(descriptor)
            }, turnAway: { descriptor, _ in close(descriptor) })
        await withDiscardingTaskGroup { group in
            for await descriptor in arrivals {
                group.addTask { await converse(descriptor, serve, failed) }
            }
            acceptance.stop()
        }
    }

    private func converse(
        _ descriptor: Int32, _ serve: @Sendable (inout LocalConversation) async throws -> Void,
        _ failed: @Sendable (LocalPeer, any Error) -> Void
    ) async {
        var process: Int32 = 0
        var user: UInt32 = 0
        guard dropgate_peer_credentials(descriptor, &process, &user) == 0 else {
            close(descriptor)
            return
        }
        var login: UInt32 = 0
        let hasLogin = dropgate_peer_login_user(descriptor, process, &login) == 0
        let peer = LocalPeer(process: process, user: user, login: hasLogin ? login : nil)
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .withConnectedSocket(descriptor) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            try await channel.executeThenClose { inbound, outbound in
                var conversation = LocalConversation(
                    peer: peer, writer: LocalWriter(outbound: outbound), inbound: inbound, longest: longest)
                try await serve(&conversation)
            }
        } catch {
            failed(peer, error)
        }
    }
}

/// Sends lines to a caller, from any task.
package struct LocalWriter: Sendable {
    fileprivate let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    /// - Parameter line: with its newline.
    package func send(_ line: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: line)) }
}

/// What one caller says, line by line.
package struct LocalConversation {
    package let peer: LocalPeer
    package let writer: LocalWriter
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var buffer: LineBuffer

    fileprivate init(
        peer: LocalPeer, writer: LocalWriter, inbound: NIOAsyncChannelInboundStream<ByteBuffer>, longest: Int
    ) {
        self.peer = peer
        self.writer = writer
        self.inbound = inbound.makeAsyncIterator()
        buffer = LineBuffer(limit: longest)
    }

    /// The next line without its newline; nil when the caller has ended. Throws `LineBuffer.TooLong`.
    package mutating func next() async throws -> [UInt8]? {
        while true {
            if let line = try buffer.line() { return line }
            guard try await receive() else { return nil }
        }
    }

    /// The `count` bytes that follow the last line; nil when the caller has ended before. The caller of this bounds them.
    package mutating func next(_ count: Int) async throws -> [UInt8]? {
        while true {
            if let bytes = buffer.take(count) { return bytes }
            guard try await receive() else { return nil }
        }
    }

    private mutating func receive() async throws -> Bool {
        guard let bytes = try await inbound.next(isolation: #isolation) else { return false }
        buffer.append(bytes.readableBytesView)
        return true
    }
}
