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
    /// How long a connection takes requests whose caller has shown a certificate.
    let certificateAge: Duration
    /// Told why somebody was sent away.
    let note: Note

    func setup(channel: any NIOCore.Channel, logger: Logger) -> EventLoopFuture<ConsoleConnection> {
        let age = ConnectionAge(most: certificateAge)
        return channel.eventLoop.makeCompletedFuture {
            let peer = Endpoint(channel.remoteAddress)
            let pipeline = channel.pipeline.syncOperations
            guard places.take(for: peer?.ip, until: channel.closeFuture) else {
                note(.connectionLimit, peer, ConnectionPlaces.limits)
                return try pipeline.addHandler(Turnaway())
            }
            if let certificate {
                let tls = try TLSHandler(certificate.context(for: peer?.ip), .server)
                try pipeline.addHandler(tls)
                try pipeline.addHandler(HandshakeNote(peer, tls.engine, age, note))
            }
            try pipeline.addHandlers(CutAnswer(), RequestClock(peer, note))
        }
        .flatMap { base.setup(channel: channel, logger: logger) }
        .flatMapThrowing { http in
            try LastAnswer.add(age, to: channel.pipeline.syncOperations)
            return ConsoleConnection(http: http, age: age)
        }
    }

    func handle(value: ConsoleConnection, logger: Logger) async {
        await ConnectionAge.$current.withValue(value.age) {
            await base.handle(value: value.http, logger: logger)
        }
    }
}

/// A connection with what its requests are told of it.
struct ConsoleConnection: ServerChildChannelValue {
    let http: HTTP1Channel.Value
    let age: ConnectionAge

    var channel: any NIOCore.Channel { http.channel }
}

/// Ends a connection as soon as it is one. Nothing behind it hears of the connection: an initializer that failed instead would end the
/// listener.
private final class Turnaway: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelActive(context: ChannelHandlerContext) { context.close(promise: nil) }
}

/// Behind TLS: says why a handshake failed, and when a certificate was shown.
final class HandshakeNote: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    let age: ConnectionAge
    private let peer: Endpoint?
    private let tls: TLSEngine
    private let note: ConsoleChannel.Note
    private var isComplete = false

    init(
        _ peer: Endpoint?, _ tls: TLSEngine, _ age: ConnectionAge, _ note: @escaping ConsoleChannel.Note
    ) {
        self.peer = peer
        self.tls = tls
        self.age = age
        self.note = note
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if !isComplete, case .handshakeCompleted = event as? TLSUserEvent {
            isComplete = true
            if let failure = tls.faultOfResumption() {
                note(.tlsFailed, peer, failure.detail)
                return context.close(promise: nil)
            }
            if tls.peerCertificate != nil { age.begin() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isComplete else { return context.fireErrorCaught(error) }
        if let failure = error as? TLSError { note(.tlsFailed, peer, failure.detail) }
        context.close(promise: nil)
    }
}
