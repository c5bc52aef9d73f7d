// Takes each accepted connection: looks at the peer before a single byte is read, and builds the pipeline that the
// listener's address mode and TLS ask for. Requests are judged in `RequestHandler`, answered by `Clerk`.
import Admission
import HummingbirdCore
import Intake
import Ledger
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2
import Settings
import TLS
import TLSChannel

struct GateChannel: ServerChildChannel {
    /// A PROXY header must be complete within this time after accept.
    static let proxyHeaderTime = TimeAmount.seconds(3)

    /// An accepted connection; one that was refused has no arrivals.
    struct Value: ServerChildChannelValue {
        let channel: any NIOCore.Channel
        let arrivals: AsyncStream<Arrival>
    }

    let listener: Listener
    let clerk: Clerk

    func setup(channel: any NIOCore.Channel, logger: Logger) -> EventLoopFuture<Value> {
        let (arrivals, continuation) = AsyncStream.makeStream(of: Arrival.self)
        let connection = Connection(
            listener: listener, channel: channel, peer: Endpoint(channel.remoteAddress),
            arrivals: continuation)
        do {
            if try !receive(connection) { refuse(connection) }
        } catch {
            logger.error("cannot take a connection: \(error)")
            refuse(connection)
        }
        return channel.eventLoop.makeSucceededFuture(Value(channel: channel, arrivals: arrivals))
    }

    /// Answers what arrives until the connection is gone. Each request runs to its end even if the caller leaves.
    func handle(value: Value, logger: Logger) async {
        await withDiscardingTaskGroup { group in
            for await arrival in value.arrivals {
                if arrival.isMultiplexed {
                    group.addTask { await answer(arrival) }
                } else {
                    await answer(arrival)
                }
            }
        }
        // Only a cancelled task comes here while the connection is open.
        value.channel.close(promise: nil)
    }

    private func answer(_ arrival: Arrival) async {
        let answer = await clerk.answer(arrival)
        arrival.channel.writeAndFlush(answer, promise: nil)
        await clerk.settle(arrival)
    }

    /// What is to be said of it has been noted.
    private func refuse(_ connection: Connection) {
        connection.dismiss()
        connection.silence()
        connection.arrivals.finish()
        connection.channel.close(promise: nil)
    }
}

// From accept to the first byte.
extension GateChannel {
    /// False: the connection is refused, and that has been noted.
    private func receive(_ connection: Connection) throws -> Bool {
        let channel = connection.channel
        let mode = listener.resolver.mode
        if mode == .direct, try !admit(listener.resolver.resolve(peer: connection.peer), connection) {
            return false
        }
        // A peer that is no trusted proxy is refused whatever its header would say, so it need not send one.
        if mode != .direct, !connection.isFromProxy {
            return try admit(
                mode == .proxyProtocol
                    ? listener.resolver.resolve(peer: connection.peer, proxy: .unknown)
                    : listener.resolver.resolve(peer: connection.peer), connection)
        }
        guard listener.limits.enter() else {
            connection.note(
                .connectionLimit, detail: ["limit": .int(Int64(listener.settings.maxConnections))])
            return false
        }
        let limits = listener.limits
        channel.closeFuture.whenComplete { _ in limits.leave() }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(ConnectionHandler(connection))
        guard mode == .proxyProtocol else {
            // Behind trusted proxies all callers share their few addresses.
            if !listener.isForwarded, !enter(connection.peer, connection) { return false }
            connection.enter(
                .header, until: connection.accepted + TimeAmount(bounded: listener.settings.headerTimeout))
            try build(connection)
            return true
        }
        connection.enter(.proxyHeader, until: connection.accepted + Self.proxyHeaderTime)
        try pipeline.addHandler(ProxyHeaderHandler(connection) { proceed(connection, $0) })
        return true
    }

    /// Decides on the whole connection. An unlisted source may go on where it is to be refused in HTTP.
    private func admit(_ resolution: Resolution, _ connection: Connection) throws -> Bool {
        let decision = connection.decide(resolution)
        guard !decision.isAdmitted else { return true }
        if listener.settings.unlisted != .close, decision.source != nil { return true }
        connection.note(decision.reason)
        return false
    }

    /// One more connection of this source?
    private func enter(_ source: Endpoint?, _ connection: Connection) -> Bool {
        guard let ip = source?.ip else { return true }
        let limits = listener.limits
        guard limits.enter(ip) else {
            connection.note(
                .connectionLimit,
                detail: ["limit_per_source": .int(Int64(listener.settings.maxConnectionsPerSource))])
            return false
        }
        connection.channel.closeFuture.whenComplete { _ in limits.leave(ip) }
        return true
    }

    /// The PROXY header is complete: decide, and build the rest of the pipeline.
    private func proceed(_ connection: Connection, _ header: ProxyHeader) -> Bool {
        do {
            let resolution = listener.resolver.resolve(peer: connection.peer, proxy: header)
            if !listener.resolver.isOfProxy(header, peer: connection.peer)
                || listener.intake.admit(resolution, channel: .webhook).isAdmitted
            {
                guard try admit(resolution, connection), enter(resolution.source, connection) else {
                    refuse(connection)
                    return false
                }
            } else {
                connection.isOfProxy = true
            }
            connection.enter(
                .header, until: connection.accepted + TimeAmount(bounded: listener.settings.headerTimeout))
            try build(connection)
            return true
        } catch {
            listener.logger.error("cannot take a connection: \(error)")
            refuse(connection)
            return false
        }
    }
}

// The pipeline behind the socket.
extension GateChannel {
    private func build(_ connection: Connection) throws {
        guard let certificate = listener.certificate else { return try addHTTP1(connection) }
        let pipeline = connection.channel.pipeline.syncOperations
        let tls = try TLSHandler(certificate.context, .server, patience: Connection.patience)
        connection.enter(
            .handshake, until: connection.accepted + TimeAmount(bounded: listener.settings.headerTimeout))
        // First the handler behind TLS: on a live channel, adding TLS starts the handshake at once.
        let handshake = HandshakeHandler(connection, tls: tls.engine) { negotiated in
            connection.enter(
                .header, until: connection.accepted + TimeAmount(bounded: listener.settings.headerTimeout))
            if negotiated == "h2" { try addHTTP2(connection) } else { try addHTTP1(connection) }
        }
        try pipeline.addHandler(handshake)
        try pipeline.addHandler(tls, position: .before(handshake))
    }

    private func addHTTP1(_ connection: Connection) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        // The target counts as a field here; one that is too long gets an answer of its own (`Reception`).
        limits.maxHeaderFieldSize = 32 << 10
        limits.maxHeaderListSize = 48 << 10
        limits.maxHeaderFieldCount = 100
        let pipeline = connection.channel.pipeline.syncOperations
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
        try pipeline.addHandler(RequestHandler(connection))
    }

    private func addHTTP2(_ connection: Connection) throws {
        connection.isHTTP2 = true
        let channel = connection.channel
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: channel.eventLoop,
            configuration: .init(
                maxIdleTime: nil, maxAge: nil,
                maxGraceTime: TimeAmount(bounded: listener.settings.bodyTimeout),
                keepalive: nil))
        var stream = NIOHTTP2Handler.StreamConfiguration()
        // A larger window than the default 64 KiB: bodies of some MiB over long lines.
        stream.targetWindowSize = 1 << 20
        var whole = NIOHTTP2Handler.ConnectionConfiguration()
        whole.targetWindowSize = 4 << 20
        let bound = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let pipeline = channel.pipeline.syncOperations
        _ = try pipeline.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: whole, streamConfiguration: stream,
            streamDelegate: manager.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(AuthorityHandler())
                try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                try stream.pipeline.syncOperations.addHandler(RequestHandler(bound.value))
            }
        }
        try pipeline.addHandler(manager)
        try pipeline.addHandler(HTTP2EndHandler(connection))
    }
}
