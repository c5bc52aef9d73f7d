// A request on its way from its event loop to the ledger and back. It runs to its end even if the caller leaves.
import NIOCore

final class HandedOn: Sendable {
    private let received: ReceivedRequest
    private let processor: RequestProcessor
    private let connections: OpenConnections

    init(_ received: ReceivedRequest, _ processor: RequestProcessor, _ connections: OpenConnections) {
        self.received = received
        self.processor = processor
        self.connections = connections
        connections.requestBegan()
    }

    func run() {
        processor.answer(received) { [self] answer in
            let channel = received.channel
            // The loop may be in the midst of reading this very request.
            channel.eventLoop.execute { channel.writeAndFlush(answer, promise: nil) }
            guard case .unlisted = received.head.purpose else { return end() }
            Task {
                await processor.settle(received)
                end()
            }
        }
    }

    private func end() {
        // Its share of the memory for bodies is given back no sooner.
        withExtendedLifetime(received) {}
        connections.requestEnded()
    }
}
