// One connection to a syslog receiver: octet-counted messages (RFC 6587 section 3.4.1, RFC 5425 section 4.3) over TCP
// or TLS. Plain syslog acknowledges nothing, so this counts what the peer's kernel has acknowledged, and tells apart
// how the connection ended:
//
// - The peer closes with everything read: Linux sends FIN, and we see the end of the stream, or EPIPE if we had sent
//   more by then (tcp_reset in the kernel's tcp_input.c: a reset in state CLOSE_WAIT becomes EPIPE). What was
//   acknowledged was read by the receiving program; what was not was not.
// - The peer closes with something unread, or vanishes: Linux sends RST (RFC 2525 section 2.17), and we see
//   ECONNRESET. What was acknowledged lately may not have been read.
//
// Over TLS no end tells that much: between the kernel and the receiving program there is a library with text of its
// own, and after a close_notify (RFC 5425 section 4.4) we close as well and never see whether a reset follows. What was
// acknowledged lately is in doubt there however it ends.
import Blocking
import CShims
import Files
import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TLS
import TLSChannel

final class SyslogConnection: Sendable {
    enum End: Sendable, Equatable {
        /// The receiver ended after it had read all that it acknowledged.
        case clean
        case broken(String)
    }

    private struct State {
        var end: End?
        /// Ends of what was sent, in bytes on the wire, with the last entry of each.
        var sent: [(end: Int64, seq: Int64)] = []
    }

    private let channel: any Channel
    private let isTLS: Bool
    /// The same socket, so that its figures can be asked for after the channel has closed.
    private let socket: Int32
    /// What is acknowledged of a connection without data: the SYN, on some kernels.
    private let base: Int64
    private let wire: WireCounter
    private let state: Mutex<State>
    private let reader: Mutex<Task<Void, Never>?>

    private init(_ channel: any Channel, isTLS: Bool, socket: Int32, wire: WireCounter) {
        self.channel = channel
        self.isTLS = isTLS
        self.socket = socket
        self.wire = wire
        base = wire.base
        state = Mutex(State())
        reader = Mutex(nil)
    }

    deinit { Foundation.close(socket) }

    /// Connects, with a TLS handshake where settings ask for one. Throws `OutgoingError`, without the address, or
    /// `CancellationError`.
    static func open(_ target: SyslogTarget, timeout: Duration = .seconds(10)) async throws
        -> SyslogConnection
    {
        // Files that cannot be read are found before there is a socket to leave behind.
        let context = try target.tlsContext()
        let descriptor = try await connect(target, timeout)
        let kept = dup(descriptor)
        guard kept >= 0 else {
            let words = SystemError.last
            Foundation.close(descriptor)
            throw OutgoingError(.unreachable, "no second descriptor for the connection: \(words)")
        }
        let wire = WireCounter(base: max(0, dropgate_bytes_acked(descriptor)))
        let host = target.host
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let handshake = loop.makePromise(of: Void.self)
        let limit = loop.scheduleTask(in: .nanoseconds(Int64(timeout / .nanoseconds(1)))) {
            handshake.fail(
                OutgoingError(
                    .unreachable, "no TLS handshake within \(timeout); see whether it speaks TLS there"))
        }
        defer { limit.cancel() }
        var made: SyslogConnection?
        do {
            let (channel, inbound) = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .withConnectedSocket(descriptor) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(wire)
                        if let context {
                            try channel.pipeline.syncOperations.addHandlers([
                                try TLSHandler(context, .client(host: host)),
                                HandshakeWaiter(handshake),
                            ])
                        } else {
                            handshake.succeed()
                        }
                        let asynchronous = try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                            wrappingChannelSynchronously: channel)
                        return (channel, asynchronous)
                    }
                }
            let connection = SyslogConnection(
                channel, isTLS: context != nil, socket: kept, wire: wire)
            made = connection
            connection.watch(inbound)
            try await handshake.futureResult.getUnlessCancelled()
            return connection
        } catch {
            // A connection that was made closes what was kept when it goes; its channel must be gone by then.
            if let made { made.channel.close(promise: nil) } else { Foundation.close(kept) }
            handshake.fail(error)
            if error is CancellationError || error is OutgoingError { throw error }
            throw OutgoingError(.unreachable, CallTrouble.words(error))
        }
    }

    /// A receiver whose name or address does not answer blocks one thread, and keeps none from the others.
    private static let connecting = BlockingExecutor(label: "dropgate.syslog", width: 8)

    private static func connect(_ target: SyslogTarget, _ timeout: Duration) async throws -> Int32 {
        let (host, port) = (target.host, "\(target.port)")
        let milliseconds = Int32(timeout.components.seconds * 1000)
        return try await connecting.run {
            var reason: UnsafePointer<CChar>?
            let descriptor = dropgate_connect(host, port, milliseconds, &reason)
            if descriptor >= 0 { return descriptor }
            let text = reason.map { String(cString: $0).lowercased() } ?? "unknown"
            throw OutgoingError(
                .unreachable,
                "no connection, \(text); see whether it runs, and whether a firewall stands between")
        } late: {
            Foundation.close($0)
        }
    }

    /// Receivers send nothing; the end of the stream is all there is to read.
    private func watch(_ inbound: NIOAsyncChannel<ByteBuffer, ByteBuffer>) {
        let task = Task { [weak self] in
            do {
                try await inbound.executeThenClose { inbound, _ in for try await _ in inbound {} }
                self?.finish(.clean)
            } catch {
                self?.finish(Self.end(of: error))
            }
        }
        reader.withLock { $0 = task }
    }

    private static func end(of error: any Error) -> End {
        if let error = error as? IOError, error.errnoCode == EPIPE { return .clean }
        return .broken(CallTrouble.words(error))
    }

    private func finish(_ end: End) {
        let end = isTLS && end == .clean ? .broken("it closed; see why in its log") : end
        state.withLock { $0.end = $0.end ?? end }
    }

    /// nil while the connection stands.
    var end: End? { state.withLock { $0.end } }

    /// Sends messages whose last one is of entry `seq`; returns when the kernel has taken them. An error says nothing
    /// that `end` does not say better, but for a `CancellationError`: then the connection must be closed.
    func send(_ bytes: ByteBuffer, last seq: Int64) async throws {
        do {
            try await channel.writeAndFlush(bytes).getUnlessCancelled()
        } catch let error as CancellationError {
            throw error
        } catch {
            finish(Self.end(of: error))
            throw error
        }
        state.withLock { $0.sent.append((wire.count, seq)) }
    }

    /// The last entry that the peer's kernel has acknowledged; nil when there is none yet.
    var acknowledged: Int64? {
        let acked = max(0, dropgate_bytes_acked(socket) - base)
        return state.withLock { state in
            guard let last = state.sent.lastIndex(where: { $0.end <= acked }) else { return nil }
            state.sent.removeFirst(last)
            return state.sent[0].seq
        }
    }

    /// Returns when it is closed and `end` says how. A task that is cancelled does not wait for that.
    func close() async {
        guard (try? await channel.close().getUnlessCancelled()) != nil || !Task.isCancelled else { return }
        let task = reader.withLock { $0 }
        await task?.value
    }
}

/// Counts bytes on their way to the socket: below TLS, so that they compare with what TCP acknowledges.
private final class WireCounter: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let base: Int64
    private let total = Atomic<Int64>(0)

    init(base: Int64) { self.base = base }

    var count: Int64 { total.load(ordering: .acquiring) }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        total.add(Int64(unwrapOutboundIn(data).readableBytes), ordering: .acquiringAndReleasing)
        context.write(data, promise: promise)
    }
}
