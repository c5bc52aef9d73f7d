// A handshake of a server with itself, in memory: whether certificate, key and the system's crypto policy let one through
// at all shows before the first caller does.

extension TLSContext.Server {
    /// Throws OpenSSL's words when a client of this same machine, which believes any certificate, gets no connection.
    package func tryHandshake() throws(OpenSSLError) {
        var open = self
        // The policy is tried, not who may call.
        open.clientAuthorities = nil
        let server = try TLSEngine(TLSContext(open), .server)
        let client = try TLSEngine(TLSContext(TLSContext.Client(trust: .any)), .client(host: "localhost"))
        do throws(TLSError) {
            // Four messages a side at the most; more steps than that would change nothing.
            for _ in 0..<8 {
                let isClientDone = try client.handshake()
                _ = client.takeOutput { server.receive($0) }
                let isServerDone = try server.handshake()
                _ = server.takeOutput { client.receive($0) }
                if isClientDone, isServerDone { return }
            }
        } catch {
            throw OpenSSLError(reason: error.words)
        }
        throw OpenSSLError(words: "the handshake comes to no end")
    }
}
