// Tries a TCP port: a connection, and a TLS handshake where one is due. Bounded in time; nothing is sent beyond that.
import Admission
import Foundation
import NIOCore
import NIOPosix
import TLS
import TLSChannel

struct TCPCheck {
    let timeout: Duration
    let context: TLSContext

    /// A line of what was seen. Throws what went wrong.
    func connect(_ address: IPAddress, _ port: UInt16) async throws -> String {
        let channel = try await bootstrap.connect(to: SocketAddress(ipAddress: "\(address)", port: Int(port)))
            .get()
        try? await channel.close().get()
        return "connected"
    }

    /// `name` is verified and sent; nil: the certificate must be for the address.
    func handshake(_ address: IPAddress, _ port: UInt16, name: String?) async throws -> String {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let done = loop.makePromise(of: Void.self)
        let context = context
        let limit = loop.scheduleTask(in: TimeAmount(timeout)) {
            done.fail(RuleBookError(.blocked, "no TLS handshake within \(timeout.components.seconds) s"))
        }
        defer { limit.cancel() }
        let channel: any NIOCore.Channel
        do {
            channel = try await bootstrap.channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        try TLSHandler(context, .client(host: name ?? "\(address)")),
                        HandshakeWaiter(done),
                    ])
                }
            }.connect(to: SocketAddress(ipAddress: "\(address)", port: Int(port))).get()
        } catch {
            done.fail(error)
            throw error
        }
        do {
            try await done.futureResult.get()
            try? await channel.close().get()
            return "TLS handshake done"
        } catch {
            // Not waited for: a server that is silent in the handshake does not answer a close either.
            channel.close(promise: nil)
            throw error
        }
    }

    private var bootstrap: ClientBootstrap {
        ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(TimeAmount(timeout))
    }
}
