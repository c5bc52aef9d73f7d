// The engine, client and server against each other in memory.
import Foundation
import Support
import TLSSupport
import Testing

@testable import TLS

@Suite struct EngineTests {
    @Test func bothSidesAgreeAndTextArrivesAsItWasSent() throws {
        let contexts = try EnginePair.contexts()
        let pair = try EnginePair(contexts.server, contexts.client)
        try pair.handshake()
        #expect(pair.server.version == "TLSv1.3" && pair.client.version == "TLSv1.3")
        #expect(pair.server.applicationProtocol == "http/1.1" && pair.server.serverName == "localhost")
        #expect(pair.server.peerCertificate == nil && pair.client.peerChain.count == 1)
        var random = SplitMix(seed: 7)
        for count in [1, 16384, 16385, 100_000]
            + (0..<50).map({ _ in Int.random(in: 1...40_000, using: &random) })
        {
            let text = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            try pair.client.write(text)
            pair.toServer()
            #expect(try pair.server.text().bytes == text)
            try pair.server.write(text)
            pair.toClient()
            #expect(try pair.client.text().bytes == text)
        }
        #expect(pair.server.pendingInput == 0 && pair.server.pendingOutput == 0)
    }

    @Test func aRecordThatComesByteByByteIsOneRecord() throws {
        let contexts = try EnginePair.contexts()
        let pair = try EnginePair(contexts.server, contexts.client)
        for _ in 0..<6 {
            _ = try pair.client.handshake()
            pair.client.takeOutput { bytes in
                for byte in bytes {
                    withUnsafeBytes(of: byte) { pair.server.receive($0) }
                    _ = try? pair.server.handshake()
                }
            }
            pair.toClient()
        }
        #expect(pair.server.isHandshakeDone && pair.client.isHandshakeDone)
    }

    @Test func aClosedSideReadsOnAndTheOtherSeesTheEnd() throws {
        let contexts = try EnginePair.contexts()
        let pair = try EnginePair(contexts.server, contexts.client)
        try pair.handshake()
        try pair.client.write(Array("question".utf8))
        pair.client.close()
        pair.toServer()
        let found = try pair.server.text()
        #expect(found.bytes == Array("question".utf8) && found.isClosed)
        try pair.server.write(Array("answer".utf8))
        pair.server.close()
        pair.toClient()
        let answer = try pair.client.text()
        #expect(answer.bytes == Array("answer".utf8) && answer.isClosed)
    }

    @Test func anEndWithoutCloseNotifyIsTold() throws {
        let contexts = try EnginePair.contexts()
        let pair = try EnginePair(contexts.server, contexts.client)
        try pair.handshake()
        pair.server.endInput()
        let failure = #expect(throws: TLSError.self) { try pair.server.text() }
        #expect(failure?.cause == .truncated)
        let half = try EnginePair(contexts.server, contexts.client)
        half.server.endInput()
        let early = #expect(throws: TLSError.self) { try half.server.handshake() }
        #expect(early?.cause == .closedInHandshake)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n",
        "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
    ])
    func whatIsNoTLSIsTold(text: String) throws {
        let engine = try TLSEngine(EnginePair.contexts().server, .server)
        Array(text.utf8).withUnsafeBytes { engine.receive($0) }
        let failure = #expect(throws: TLSError.self) { try engine.handshake() }
        #expect(failure?.cause == .notTLS && engine.firstBytes == Array(text.utf8.prefix(64)))
        // And it stays so.
        let again = #expect(throws: TLSError.self) { try engine.handshake() }
        #expect(again == failure)
    }

    @Test func aBrokenRecordEndsTheSessionWithAnAlert() throws {
        let contexts = try EnginePair.contexts()
        let pair = try EnginePair(contexts.server, contexts.client)
        try pair.handshake()
        try pair.client.write(Array("text".utf8))
        pair.toServer { bytes in
            var bytes = bytes
            bytes[bytes.count - 1] ^= 1
            return bytes
        }
        #expect(throws: TLSError.self) { try pair.server.text() }
        #expect(pair.server.pendingOutput > 0)
        pair.toClient()
        let failure = #expect(throws: TLSError.self) { try pair.client.text() }
        #expect(failure?.alert == 20 && failure?.words.contains("bad record mac") == true)
    }

    @Test func aClientThatDoesNotTrustTheServerSaysSo() throws {
        let server = try EnginePair.contexts().server
        let client = try TLSContext(TLSContext.Client(trust: .system))
        let pair = try EnginePair(server, client)
        _ = try pair.client.handshake()
        pair.toServer()
        _ = try pair.server.handshake()
        pair.toClient()
        let failure = #expect(throws: TLSError.self) { try pair.client.handshake() }
        guard case .badCertificate(let fault)? = failure?.cause else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(fault.kind == .selfSigned)
        pair.toServer()
        let refused = #expect(throws: TLSError.self) { try pair.server.handshake() }
        #expect(refused?.cause == .certificateRefused && refused?.alert != nil)
    }

    @Test(arguments: ["localhost", "127.0.0.1", "::1"])
    func aNameOrAddressOfTheCertificateIsVerified(host: String) throws {
        let directory = try TemporaryDirectory("authority")
        let identity = try Identity()
        try identity.chain[0].pem.write(toFile: directory.file("ca.pem"), atomically: true, encoding: .utf8)
        let server = try TLSContext(TLSContext.Server(chain: identity.chain, key: identity.key))
        let client = try TLSContext(TLSContext.Client(trust: .file(directory.file("ca.pem"))))
        let pair = try EnginePair(server, client, host: host)
        try pair.handshake()
        #expect(pair.server.serverName == (host == "localhost" ? host : nil))
        for other in ["other.example", "127.0.0.2"] {
            let wrong = try EnginePair(server, client, host: other)
            let failure = #expect(throws: TLSError.self) { try wrong.handshake() }
            guard case .badCertificate(let fault)? = failure?.cause else {
                Issue.record("\(String(describing: failure))")
                continue
            }
            #expect(fault.kind == .name)
        }
    }

    @Test func tenThousandMutatedRecordsFindNothing() throws {
        let seed = UInt64.random(in: .min ... .max)
        var fuzzer = try RecordFuzzer(SplitMix(seed: seed))
        #expect(throws: Never.self, "seed \(seed)") {
            while fuzzer.records < 10_000 { try fuzzer.run() }
        }
        #expect(fuzzer.failures > 100)
    }
}
