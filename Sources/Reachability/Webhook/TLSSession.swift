// TLS over a probe's socket. It never verifies: certificates are judged afterwards, so that everything wrong with them
// can be told at once. The engine works on memory; this class moves the bytes, so that deadlines hold.
import TLS

final class TLSSession {
    enum Failure: Error {
        case timeout
        /// The connection ended; `received` says whether anything had come.
        case closed(received: Bool)
        /// What came first is not a TLS record.
        case notTLS([UInt8])
        case tls(TLSError)
    }

    private let socket: ProbeSocket
    private let engine: TLSEngine

    /// nil when OpenSSL cannot make a session.
    init?(over socket: ProbeSocket, host: String) {
        let client = TLSContext.Client(trust: .any, protocols: ["http/1.1"])
        guard let context = try? TLSContext(client), let engine = try? TLSEngine(context, .client(host: host))
        else {
            return nil
        }
        self.socket = socket
        self.engine = engine
    }

    /// Whether the other side answers a handshake in TLS, well or not.
    static func isSpoken(over socket: ProbeSocket, host: String, until deadline: Deadline) -> Bool {
        guard let session = TLSSession(over: socket, host: host) else { return false }
        do throws(Failure) {
            try session.handshake(until: deadline)
            return true
        } catch {
            if case .tls = error { return true } else { return false }
        }
    }

    func handshake(until deadline: Deadline) throws(Failure) {
        while try !step(until: deadline, { engine throws(TLSError) in try engine.handshake() }) {
            try receive(until: deadline)
        }
    }

    func write(_ bytes: [UInt8], until deadline: Deadline) throws(Failure) {
        try step(until: deadline) { engine throws(TLSError) in
            var failure: TLSError?
            bytes.withUnsafeBytes { text in
                do throws(TLSError) { try engine.write(text) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    /// The next bytes; empty at the end.
    func read(until deadline: Deadline) throws(Failure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let reading = try step(until: deadline) { engine throws(TLSError) in
                var result = TLSEngine.Reading.needsInput
                var failure: TLSError?
                buffer.withUnsafeMutableBytes { memory in
                    do throws(TLSError) { result = try engine.read(into: memory) } catch { failure = error }
                }
                if let failure { throw failure }
                return result
            }
            switch reading {
            case .bytes(let count): return Array(buffer[..<count])
            case .closed: return []
            case .needsInput: try receive(until: deadline)
            }
        }
    }

    /// One call of the engine, and what it has to send.
    @discardableResult
    private func step<R>(until deadline: Deadline, _ call: (TLSEngine) throws(TLSError) -> R)
        throws(Failure) -> R
    {
        let outcome = Result { () throws(TLSError) in try call(engine) }
        let sent = flush(until: deadline)
        switch outcome {
        case .success(let value):
            if sent == .timeout { throw .timeout }
            return value
        case .failure(let failure):
            if failure.cause == .notTLS { throw .notTLS(engine.firstBytes) }
            throw .tls(failure)
        }
    }

    private func flush(until deadline: Deadline) -> ProbeSocket.WriteResult {
        // A failure shows again when the answer is read, which may say more.
        engine.takeOutput { socket.write(Array($0), until: deadline) } ?? .sent
    }

    private func receive(until deadline: Deadline) throws(Failure) {
        if deadline.isPast { throw .timeout }
        switch socket.read(until: deadline) {
        case .bytes(let bytes): bytes.withUnsafeBytes { engine.receive($0) }
        case .end, .failed: throw .closed(received: !engine.firstBytes.isEmpty)
        case .timeout: throw .timeout
        }
    }

    // What was agreed on; after the handshake.

    var version: String { engine.version }
    var cipher: String { engine.cipher }
    var group: String? { engine.group }

    /// As the server sent them, its own first.
    var chain: [Certificate] { engine.peerChain }
}
