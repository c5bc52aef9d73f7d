// A connection to the console: TLS where the settings want it, a clock for each request, and HTTP/1.1 above.
import Admission
import Hummingbird
import HummingbirdCore
import JSON
import ListenerTLS
import Logging
import NIOCore
import NIOTLS
import TLS
import TLSChannel

struct ConsoleChannel: ServerChildChannel {
    typealias Note = @Sendable (Reason, Endpoint?, [String: JSONValue]) -> Void

    let base: HTTP1Channel
    let certificate: CertificateReloader?
    let places: ConnectionPlaces
    /// Told why somebody was sent away.
    let note: Note

    func setup(channel: any NIOCore.Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        channel.eventLoop.makeCompletedFuture {
            let peer = Endpoint(channel.remoteAddress)
            let pipeline = channel.pipeline.syncOperations
            guard places.take(for: peer?.ip, until: channel.closeFuture) else {
                note(.connectionLimit, peer, ConnectionPlaces.limits)
                return try pipeline.addHandler(Turnaway())
            }
            if let certificate {
                try pipeline.addHandler(TLSHandler(certificate.context(for: peer?.ip), .server))
                try pipeline.addHandler(HandshakeNote(peer, note))
            }
            try pipeline.addHandler(RequestClock(peer, note))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

/// Ends a connection as soon as it is one. Nothing behind it hears of the connection: an initializer that failed instead would end the
/// listener.
private final class Turnaway: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelActive(context: ChannelHandlerContext) { context.close(promise: nil) }
}

/// Behind TLS: says why a handshake failed.
private final class HandshakeNote: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let peer: Endpoint?
    private let note: ConsoleChannel.Note
    private var isComplete = false

    init(_ peer: Endpoint?, _ note: @escaping ConsoleChannel.Note) {
        self.peer = peer
        self.note = note
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { isComplete = true }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isComplete else { return context.fireErrorCaught(error) }
        if let failure = error as? TLSError { note(.tlsFailed, peer, failure.detail) }
        context.close(promise: nil)
    }
}
