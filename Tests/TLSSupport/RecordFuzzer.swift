// Sends mutated TLS records through an engine. What must hold: no crash, no failure without words, bounded output, and
// text only as it was sent.
import TLS

package struct RecordFuzzer {
    package struct Wrong: Error {
        package let words: String
    }

    package private(set) var records = 0
    package private(set) var failures = 0
    package private(set) var survived = 0

    /// TLS 1.3, TLS 1.2, and a server that asks for certificates.
    private let contexts: [(server: TLSContext, client: TLSContext)]
    private var random: any RandomNumberGenerator

    package init(_ random: any RandomNumberGenerator) throws {
        let identity = try Identity()
        let asking = TLSContext.Server(
            chain: identity.chain, key: identity.key, clientAuthorities: identity.chain)
        let showing = TLSContext.Client(trust: .any, identity: (identity.chain, identity.key))
        contexts = [
            try EnginePair.contexts(), try EnginePair.contexts(atMost12: true),
            (try TLSContext(asking), try TLSContext(showing)),
        ]
        self.random = random
    }

    /// One session with one mutation somewhere in what the client (or the server) says.
    package mutating func run() throws {
        let (server, client) = contexts[Int.random(in: 0..<contexts.count, using: &random)]
        let pair = try EnginePair(server, client)
        let target = Int.random(in: 0..<6, using: &random)
        let text = [UInt8](repeating: 0x61, count: Int.random(in: 1...2000, using: &random))
        do {
            _ = try pair.client.handshake()
            try step(pair, isMutated: target == 0)
            if target == 1 { try stepBack(pair) } else { pair.toClient() }
            _ = try pair.client.handshake()
            try step(pair, isMutated: target == 2)
            pair.toClient()
            guard pair.client.isHandshakeDone, pair.server.isHandshakeDone else { return }
            try pair.client.write(text)
            pair.client.close()
            try step(pair, isMutated: target >= 3, expecting: text)
            survived += 1
        } catch let failure as TLSError {
            failures += 1
            if failure.words.isEmpty { throw Wrong(words: "a failure without words: \(failure.cause)") }
            // A failed session stays failed, and says no more than its alert.
            let failed = [pair.server, pair.client].filter { Self.failure(of: $0) == failure }
            if failed.isEmpty { throw Wrong(words: "a failed session went on after: \(failure.words)") }
        }
        if pair.server.pendingOutput > 64 << 10 {
            throw Wrong(words: "\(pair.server.pendingOutput) bytes to send")
        }
    }

    private mutating func step(_ pair: EnginePair, isMutated: Bool, expecting text: [UInt8]? = nil) throws {
        var random = self.random
        var count = 0
        pair.toServer { bytes in
            count = Self.records(in: bytes)
            return isMutated ? Self.mutated(bytes, &random) : bytes
        }
        self.random = random
        records += count
        guard try pair.server.handshake() else { return }
        let found = try pair.server.text()
        if let text, !text.starts(with: found.bytes) { throw Wrong(words: "text that nobody sent") }
        if text == nil, !found.bytes.isEmpty { throw Wrong(words: "text before there was any") }
    }

    /// The server's answer to the client, mutated.
    private mutating func stepBack(_ pair: EnginePair) throws {
        var random = self.random
        var count = 0
        pair.server.takeOutput { bytes in
            count = Self.records(in: Array(bytes))
            Self.mutated(Array(bytes), &random).withUnsafeBytes { pair.client.receive($0) }
        }
        self.random = random
        records += count
    }

    /// How a session that is asked to go on fails.
    private static func failure(of engine: TLSEngine) -> TLSError? {
        let outcome = Result { () throws(TLSError) in
            _ = try engine.handshake()
            _ = try engine.text()
        }
        if case .failure(let failure) = outcome { return failure }
        return nil
    }

    private static func records(in bytes: [UInt8]) -> Int {
        var (place, count) = (0, 0)
        while place + 5 <= bytes.count {
            place += 5 + Int(bytes[place + 3]) << 8 + Int(bytes[place + 4])
            count += 1
        }
        return max(1, count)
    }

    /// Bits flipped, bytes cut, doubled, put in, lengths changed.
    private static func mutated(_ bytes: [UInt8], _ random: inout any RandomNumberGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 2:
                bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...64, using: &random)))
            case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 64)], at: place)
            case 4:
                bytes.insert(
                    contentsOf: (0..<8).map { _ in UInt8.random(in: 0...255, using: &random) }, at: place)
            case 5: bytes[min(3, bytes.count - 1)] = UInt8.random(in: 0...255, using: &random)
            default: bytes[min(4, bytes.count - 1)] = UInt8.random(in: 0...255, using: &random)
            }
        }
        return bytes
    }
}
