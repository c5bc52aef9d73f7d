// A session of TLS that is resumed: it lets nobody in whom a whole handshake would refuse.
import Admission
import Foundation
import JSON
import ListenerTLS
import TLS
import TLSSupport
import Testing

@Suite struct ResumptionTests {
    private func pem(_ name: String) async throws -> [UInt8] {
        let certificates = try await Certificates.shared.value
        return Array(try Data(contentsOf: URL(filePath: certificates.path(name))))
    }

    /// A server that believes clients of an authority, and a client with these certificates, its own first.
    private func contexts(
        _ chain: [String], below authority: String?, isAtMost12: Bool
    ) async throws -> (server: TLSContext, client: TLSContext) {
        let own = try Identity()
        var server = TLSContext.Server(chain: own.chain, key: own.key)
        if let authority {
            server.clientAuthorities = try await Certificate.list(pem: pem("\(authority).pem"))
        }
        var shown: [Certificate] = []
        for name in chain { shown += try await Certificate.list(pem: pem("\(name).pem")) }
        let key = try await PrivateKey(pem: pem("\(chain[0]).key"))
        let client = TLSContext.Client(
            trust: .any, isAtMost12: isAtMost12, identity: (chain: shown, key: key))
        return (try TLSContext(server), try TLSContext(client))
    }

    /// After a handshake and a first answer, with which the client gets its ticket.
    private func connected(
        _ contexts: (server: TLSContext, client: TLSContext), resuming before: EnginePair? = nil
    ) throws -> EnginePair {
        let pair = try EnginePair(contexts.server, contexts.client, resuming: before)
        try pair.handshake()
        try pair.server.write(Array("answer".utf8))
        pair.toClient()
        #expect(try pair.client.text().bytes == Array("answer".utf8))
        return pair
    }

    /// The client's own certificate is good for a day longer than what is above it. Each resumption gives the client a new ticket.
    @Test(
        arguments: [(["of-brief"], "brief-ca"), (["of-between", "between"], "ca")], [false, true])
    func aSessionEndsWithTheFirstOfTheCertificatesThatVouchForIt(
        shown: (chain: [String], authority: String), isAtMost12: Bool
    ) async throws {
        let contexts = try await contexts(shown.chain, below: shown.authority, isAtMost12: isAtMost12)
        // All of them stay: an end without close_notify ends the session, too.
        var pairs = [try connected(contexts)]
        #expect(!pairs[0].server.isResumed)
        #expect(pairs[0].server.faultOfResumption(at: .now() + .seconds(36 * 3600)) == nil)
        for _ in 0..<3 {
            let pair = try connected(contexts, resuming: pairs.last)
            pairs.append(pair)
            #expect(pair.server.isResumed && pair.server.peerCertificate != nil)
            #expect(pair.server.faultOfResumption(at: .now() + .seconds(12 * 3600)) == nil)
            let fault = try #require(pair.server.faultOfResumption(at: .now() + .seconds(36 * 3600)))
            #expect(fault.detail["hint"] == "a certificate above the caller's has expired")
            let later = try #require(pair.server.faultOfResumption(at: .now() + .seconds(60 * 3600)))
            #expect(later.detail["hint"] == "the caller's certificate has expired")
        }
    }

    @Test func whoWasAskedForNoCertificateResumesAsLongAsItsTicketIsGood() async throws {
        let contexts = try await contexts(["of-brief"], below: nil, isAtMost12: false)
        let first = try connected(contexts)
        let pair = try connected(contexts, resuming: first)
        #expect(pair.server.isResumed && pair.server.verifiedUntil == nil)
        #expect(pair.server.faultOfResumption(at: .now() + .seconds(99 * 86_400)) == nil)
        #expect(!first.server.isResumed)
    }
}
