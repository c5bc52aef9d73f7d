// A server's and a client's engine that speak with each other in memory.
package import TLS

package final class EnginePair {
    package let server: TLSEngine
    package let client: TLSEngine
    /// What each has said so far, as on the wire.
    package private(set) var sentByServer: [UInt8] = []
    package private(set) var sentByClient: [UInt8] = []

    /// - Parameter before: a pair, still there, whose session the client takes up.
    package init(
        _ server: TLSContext, _ client: TLSContext, host: String = "localhost",
        resuming before: EnginePair? = nil
    ) throws {
        self.server = try TLSEngine(server, .server)
        self.client = try TLSEngine(client, .client(host: host))
        if let before, !self.client.resume(before.client) { throw NoSession() }
    }

    package struct NoSession: Error {}

    /// A server with a trial certificate, and a client that trusts anything.
    package static func contexts(
        protocols: [String] = ["h2", "http/1.1"], atMost12: Bool = false
    ) throws -> (server: TLSContext, client: TLSContext) {
        let identity = try Identity()
        return (
            try TLSContext(
                TLSContext.Server(chain: identity.chain, key: identity.key, protocols: protocols)),
            try TLSContext(
                TLSContext.Client(trust: .any, protocols: ["http/1.1"], isAtMost12: atMost12))
        )
    }

    /// Goes on with both handshakes until both are done. Throws the failure of whichever fails first.
    package func handshake() throws {
        var (isServerDone, isClientDone) = (false, false)
        for _ in 0..<20 where !isServerDone || !isClientDone {
            isClientDone = try client.handshake()
            toServer()
            let outcome = Result { try server.handshake() }
            toClient()
            isServerDone = try outcome.get()
        }
        // Tickets.
        toClient()
    }

    /// The client's bytes arrive, as `change` leaves them.
    package func toServer(_ change: ([UInt8]) -> [UInt8] = { $0 }) {
        client.takeOutput { bytes in
            sentByClient += bytes
            change(Array(bytes)).withUnsafeBytes { server.receive($0) }
        }
    }

    package func toClient() {
        server.takeOutput { bytes in
            sentByServer += bytes
            client.receive(bytes)
        }
    }
}

extension TLSEngine {
    /// All text that has come, and whether the peer has ended.
    package func text() throws(TLSError) -> (bytes: [UInt8], isClosed: Bool) {
        var found: [UInt8] = []
        var memory = [UInt8](repeating: 0, count: 16384)
        while true {
            var outcome = Result<Reading, TLSError>.success(.needsInput)
            memory.withUnsafeMutableBytes { memory in
                outcome = Result { () throws(TLSError) in try read(into: memory) }
            }
            switch try outcome.get() {
            case .bytes(let count): found += memory[..<count]
            case .needsInput: return (found, false)
            case .closed: return (found, true)
            }
        }
    }

    package func write(_ bytes: [UInt8]) throws(TLSError) {
        var outcome = Result<Void, TLSError>.success(())
        bytes.withUnsafeBytes { text in outcome = Result { () throws(TLSError) in try write(text) } }
        try outcome.get()
    }
}
