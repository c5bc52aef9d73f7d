// Takes each accepted connection: looks at the peer before a single byte is read, and builds the pipeline that the
// listener's address mode and TLS ask for. Requests are judged in `RequestHandler`, answered by `RequestProcessor`.
import Admission
import Glibc
import Intake
import JSON
import ListenerTLS
import Logging
import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import Settings
import TLS
import TLSChannel

struct GateChannel: Sendable {
    /// A PROXY header must be complete within this time after accept.
    static let proxyHeaderTime = TimeAmount.seconds(3)

    /// One read of one connection in a turn of its event loop, and no more bytes than this: what a caller sends is work for
    /// the loop, and the others of the loop wait for it.
    static let longestRead = 16 << 10

    let listener: WebhookListener
    let loops: EventLoops

    /// On the listener's thread. Who is refused here has cost no channel, no handler and no task.
    func arrived(_ descriptor: Int32, from peer: Endpoint?) {
        let caller = Caller(peer, listener)
        guard caller.mayEnter(listener) else {
            return turnAway(descriptor, caller, caller.decision?.reason ?? .addressUndeterminable)
        }
        guard let place = listener.connections.enter(owner(of: caller)) else {
            return turnAway(descriptor, caller, .connectionLimit, limits)
        }
        let accepted = NIODeadline.now()
        ClientBootstrap(group: loops.group(of: caller))
            .channelInitializer { channel in
                let connection = Connection(
                    listener: listener, channel: channel, caller: caller, place: place, accepted: accepted)
                // A connection that cannot be opened is closed by the bootstrap.
                return channel.eventLoop.makeCompletedFuture {
                    try Self.setOptions(of: channel)
                    try open(connection)
                }
            }
            .withConnectedSocket(descriptor)
            .whenFailure { error in
                listener.connections.leave(place)
                if !(error is ChannelError) {
                    listener.logger.error("cannot take a connection: \(ConnectionTrouble.words(error))")
                }
            }
    }

    /// Behind trusted proxies that speak HTTP all callers share their few addresses.
    private func owner(of caller: Caller) -> FairShares.Taker {
        guard !listener.isForwarded, let decision = caller.decision else { return .proxy }
        return FairShares.Taker(decision)
    }

    private var limits: [String: JSONValue] {
        [
            "limit": .int(Int64(listener.settings.maxConnections)),
            "limit_per_source": .int(Int64(listener.settings.maxConnectionsPerSource)),
        ]
    }

    /// The process has no descriptor left for the connection.
    func turnAway(_ descriptor: Int32, from peer: Endpoint?) {
        turnAway(descriptor, Caller(peer, listener), .connectionLimit, ["limit": "open files"])
    }

    private func turnAway(
        _ descriptor: Int32, _ caller: Caller, _ reason: Reason, _ detail: [String: JSONValue] = [:]
    ) {
        close(descriptor)
        listener.intake.note(caller.attempt(reason, mode: listener.resolver.mode, detail: detail))
        listener.intake.ownConnections.ended(caller.peer)
    }

    /// What is to be said of it has been noted.
    private func refuse(_ connection: Connection) {
        connection.dismiss()
        connection.silence()
        connection.channel.close(promise: nil)
    }
}

// From accept to the first byte, on the connection's event loop.
extension GateChannel {
    /// At once: the bootstrap would do each in a step of its own, for every connection.
    private static func setOptions(of channel: any NIOCore.Channel) throws {
        let options = channel.syncOptions
        try options?.setOption(.allowRemoteHalfClosure, value: true)
        try options?.setOption(.maxMessagesPerRead, value: 1)
        try options?.setOption(
            .recvAllocator,
            value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: longestRead))
    }

    /// Throws when it cannot be opened, or must not be any more.
    private func open(_ connection: Connection) throws {
        let (own, peer) = (listener.intake.ownConnections, connection.peer)
        connection.channel.closeFuture.whenComplete { _ in own.ended(peer) }
        do {
            guard listener.connections.add(connection.channel, connection.place) else {
                throw ChannelError.ioOnClosedChannel
            }
            try receive(connection)
        } catch {
            connection.dismiss()
            connection.silence()
            throw error
        }
    }

    private func receive(_ connection: Connection) throws {
        let pipeline = connection.channel.pipeline.syncOperations
        try pipeline.addHandler(ConnectionHandler(connection))
        if listener.resolver.mode.readsProxyHeader {
            connection.enter(.proxyHeader, until: connection.accepted + Self.proxyHeaderTime)
            try pipeline.addHandler(ProxyHeaderHandler(connection) { proceed(connection, $0) })
        } else {
            try begin(connection)
        }
    }

    private func begin(_ connection: Connection) throws {
        connection.awaitFirstRequest()
        try build(connection)
    }

    /// The PROXY header is complete: decide, and build the rest of the pipeline.
    private func proceed(_ connection: Connection, _ header: ProxyHeader) -> Bool {
        do {
            let resolution = listener.resolver.resolve(peer: connection.peer, proxy: header)
            if !listener.resolver.isOfProxy(header, peer: connection.peer)
                || listener.intake.admit(resolution, channel: .webhook).isAdmitted
            {
                guard isWelcome(connection, resolution) else {
                    refuse(connection)
                    return false
                }
            } else {
                connection.isOfProxy = true
            }
            try begin(connection)
            return true
        } catch {
            listener.logger.error("cannot take a connection: \(ConnectionTrouble.words(error))")
            refuse(connection)
            return false
        }
    }
}

// The caller that a PROXY header names.
extension GateChannel {
    /// False: it may not go on, and that has been noted.
    private func isWelcome(_ connection: Connection, _ resolution: Resolution) -> Bool {
        let mayEnter = connection.decide(resolution)
        guard mayEnter, let decision = connection.decision else {
            connection.note(connection.decision?.reason ?? .addressUndeterminable)
            return false
        }
        let hasPlace = listener.connections.move(connection.place, to: FairShares.Taker(decision))
        if !hasPlace { connection.note(.connectionLimit, detail: limits) }
        return hasPlace
    }
}

// The pipeline behind the socket.
extension GateChannel {
    private func build(_ connection: Connection) throws {
        guard let certificate = listener.certificate else { return try addHTTP1(connection) }
        let pipeline = connection.channel.pipeline.syncOperations
        let source = connection.caller.resolution?.source ?? connection.peer
        let tls = try TLSHandler(certificate.context(for: source?.ip), .server, patience: Connection.patience)
        connection.enter(
            .handshake, until: connection.accepted + TimeAmount(bounded: listener.settings.headerTimeout))
        // First the handler behind TLS: on a live channel, adding TLS starts the handshake at once.
        let handshake = HandshakeHandler(connection, tls: tls.engine) { negotiated in
            connection.awaitFirstRequest()
            if negotiated == "h2" { try addHTTP2(connection) } else { try addHTTP1(connection) }
        }
        try pipeline.addHandler(handshake)
        try pipeline.addHandler(tls, position: .before(handshake))
    }

    private func addHTTP1(_ connection: Connection) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        // The target counts as a field here; one that is too long gets an answer of its own (`RequestValidator`).
        limits.maxHeaderFieldSize = 32 << 10
        limits.maxHeaderListSize = 48 << 10
        limits.maxHeaderFieldCount = 100
        let pipeline = connection.channel.pipeline.syncOperations
        let raw = RawByteCounter()
        connection.input = raw
        try pipeline.addHandler(raw)
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: limits)
        try pipeline.addHandlers(ParserWaste(raw), RequestQueue(), RequestHandler(connection))
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
        whole.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: StreamLimit.borne),
            HTTP2Setting(parameter: .maxHeaderListSize, value: HPACKDecoder.defaultMaxHeaderListSize),
        ]
        // The gate answers malformed requests itself; the library would reset their streams without a word.
        whole.headerBlockValidation = .disabled
        whole.contentLengthValidation = .disabled
        // As many as there may be streams: frames that were under way when one was reset are no error.
        whole.maximumRecentlyResetStreams = StreamLimit.told
        let bound = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(StreamLimit())
        _ = try pipeline.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: whole, streamConfiguration: stream,
            streamDelegate: manager.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(StreamValidator())
                try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                try stream.pipeline.syncOperations.addHandler(RequestHandler(bound.value))
            }
        }
        try pipeline.addHandler(manager)
        try pipeline.addHandler(HTTP2EndHandler(connection))
    }
}
