// One context for many threads: what `TLSContext` says of itself, tried.
import Foundation
import Support
import TLSSupport
import Testing

@testable import TLS

@Suite struct ContextTests {
    /// The clients verify, so chains and stores are shared as well as key and certificate. Each thread has engines of its
    /// own.
    @Test func manyThreadsShakeHandsOverOneContext() async throws {
        let identity = try Identity()
        let directory = try TemporaryDirectory("authority")
        try identity.chain[0].pem.write(
            toFile: directory.file("ca.pem"), atomically: true, encoding: .utf8)
        let server = try TLSContext(
            TLSContext.Server(chain: identity.chain, key: identity.key, protocols: ["h2", "http/1.1"]))
        let client = try TLSContext(
            TLSContext.Client(trust: .file(directory.file("ca.pem")), protocols: ["http/1.1"]))
        let fingerprint = identity.chain[0].fingerprint
        let done = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<8 {
                group.addTask {
                    for round in 0..<60 {
                        let pair = try EnginePair(server, client)
                        try pair.handshake()
                        let text = Array("\(number).\(round)".utf8)
                        try pair.client.write(text)
                        pair.toServer()
                        let found = try pair.server.text().bytes
                        guard found == text, pair.client.peerCertificate?.fingerprint == fingerprint,
                            pair.server.applicationProtocol == "http/1.1"
                        else { return 0 }
                    }
                    return 60
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(done == 8 * 60)
    }
}
