// Tries a UDP port: a STUN binding request with the retransmissions of RFC 8489 section 6.2.1, or one datagram of which
// nobody can tell whether it arrived.
import Admission
import NIOCore
import NIOPosix

struct UDPCheck {
    struct Binding: Sendable {
        /// From where the server saw the request.
        var seen: (ip: IPAddress, port: UInt16)?
        /// The answer was an error response: UDP goes through all the same.
        var isError: Bool
    }

    let timeout: Duration

    /// Throws when no answer comes in time.
    func bind(_ address: IPAddress, _ port: UInt16) async throws -> Binding {
        var generator = SystemRandomNumberGenerator()
        let request = STUNMessage.request(using: &generator)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let done = loop.makePromise(of: Binding.self)
        let timeout = TimeAmount(timeout)
        do {
            let channel = try await DatagramBootstrap(group: loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(STUNClient(request, timeout, done))
                }
            }.connect(to: SocketAddress(ipAddress: "\(address)", port: Int(port))).get()
            do {
                let binding = try await done.futureResult.get()
                try? await channel.close().get()
                return binding
            } catch {
                try? await channel.close().get()
                throw error
            }
        } catch {
            done.fail(error)
            throw error
        }
    }

    /// Sends one binding request and does not wait. Throws when the system does not let it out.
    func send(_ address: IPAddress, _ port: UInt16) async throws {
        var generator = SystemRandomNumberGenerator()
        let bytes = ByteBuffer(bytes: STUNMessage.request(using: &generator).bytes)
        let to = try SocketAddress(ipAddress: "\(address)", port: Int(port))
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(to: to).get()
        do {
            try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: to, data: bytes)).get()
            try? await channel.close().get()
        } catch {
            try? await channel.close().get()
            throw error
        }
    }
}

private final class STUNClient: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let request: STUNMessage
    private let timeout: TimeAmount
    private let done: EventLoopPromise<UDPCheck.Binding>
    private var timers: [Scheduled<Void>] = []
    private var refused = false

    init(_ request: STUNMessage, _ timeout: TimeAmount, _ done: EventLoopPromise<UDPCheck.Binding>) {
        self.request = request
        self.timeout = timeout
        self.done = done
    }

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        // 0, 500, 1500, 3500 ms …: the interval doubles from an RTO of 500 ms.
        var (at, interval) = (TimeAmount.zero, TimeAmount.milliseconds(500))
        while at < timeout {
            timers.append(
                context.eventLoop.scheduleTask(in: at) {
                    let (client, context) = bound.value
                    client.send(context)
                })
            at = at + interval
            interval = interval * 2
        }
        timers.append(
            context.eventLoop.scheduleTask(in: timeout) {
                let (client, _) = bound.value
                let why = client.refused ? "an ICMP message says that the port is closed" : "no answer"
                client.done.fail(RuleBookError(.blocked, why))
            })
        context.fireChannelActive()
    }

    private func send(_ context: ChannelHandlerContext) {
        guard let to = context.channel.remoteAddress else { return }
        let envelope = AddressedEnvelope(remoteAddress: to, data: ByteBuffer(bytes: request.bytes))
        context.writeAndFlush(wrapOutboundOut(envelope), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(unwrapInboundIn(data).data.readableBytesView)
        guard let answer = STUNMessage(bytes), answer.transaction == request.transaction else { return }
        switch answer.type {
        case STUNMessage.bindingSuccess:
            done.succeed(UDPCheck.Binding(seen: answer.reflexiveAddress, isError: false))
        case STUNMessage.bindingError:
            done.succeed(UDPCheck.Binding(seen: nil, isError: true))
        default: return
        }
    }

    /// An ICMP message alone ends nothing: anybody can send one.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        refused = true
    }

    func channelInactive(context: ChannelHandlerContext) {
        for timer in timers { timer.cancel() }
        done.fail(RuleBookError(.blocked, "no answer"))
        context.fireChannelInactive()
    }
}
