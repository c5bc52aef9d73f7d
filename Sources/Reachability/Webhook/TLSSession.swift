// TLS over a probe's socket, by OpenSSL. It never verifies: certificates are judged afterwards, so that everything
// wrong with them can be told at once. OpenSSL works on memory; this class moves the bytes, so that deadlines hold and
// the other side's first bytes can be looked at when they are no TLS.
import COpenSSL
import Foundation

final class TLSSession {
    enum Failure: Error {
        case timeout
        /// The connection ended; `received` says whether anything had come.
        case closed(received: Bool)
        /// What came first is no TLS record.
        case notTLS([UInt8])
        /// OpenSSL's reason, as a number of SSL_R_… and in words.
        case ssl(reason: Int32, String)
    }

    private let socket: ProbeSocket
    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private var first: [UInt8] = []

    /// nil when OpenSSL has no memory. `name` is for SNI and nil for an address.
    init?(over socket: ProbeSocket, name: String?) {
        guard let context = SSL_CTX_new(TLS_client_method()) else { return nil }
        // Before a session is made: it takes the context's versions as they are then.
        _ = COpenSSL_set_min_version(context, TLS1_2_VERSION)
        guard let ssl = SSL_new(context), let incoming = BIO_new(BIO_s_mem()),
            let outgoing = BIO_new(BIO_s_mem())
        else {
            SSL_CTX_free(context)
            return nil
        }
        SSL_set_verify(ssl, SSL_VERIFY_NONE, nil)
        SSL_set_bio(ssl, incoming, outgoing)
        SSL_set_connect_state(ssl)
        if let name { _ = COpenSSL_set_server_name(ssl, name) }
        let protocols: [UInt8] = [8] + Array("http/1.1".utf8)
        SSL_set_alpn_protos(ssl, protocols, UInt32(protocols.count))
        self.socket = socket
        self.context = context
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
    }

    deinit {
        // Both BIOs belong to the session.
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    /// Whether the other side answers a handshake in TLS, well or not.
    static func isSpoken(over socket: ProbeSocket, until deadline: Deadline) -> Bool {
        guard let session = TLSSession(over: socket, name: nil) else { return false }
        do throws(Failure) {
            try session.handshake(until: deadline)
            return true
        } catch {
            if case .ssl = error { return true } else { return false }
        }
    }

    func handshake(until deadline: Deadline) throws(Failure) {
        try turn(until: deadline) { SSL_do_handshake($0) }
    }

    func write(_ bytes: [UInt8], until deadline: Deadline) throws(Failure) {
        guard !bytes.isEmpty else { return }
        try turn(until: deadline) { SSL_write($0, bytes, Int32(bytes.count)) }
    }

    /// The next bytes; empty at the end.
    func read(until deadline: Deadline) throws(Failure) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = try turn(until: deadline) { SSL_read($0, &buffer, Int32(buffer.count)) }
        return Array(buffer[..<Int(count)])
    }

    /// Calls OpenSSL until it is done, moving bytes in between. 0 means that the other side ended the session.
    @discardableResult
    private func turn(until deadline: Deadline, _ call: (OpaquePointer) -> Int32) throws(Failure) -> Int32 {
        while true {
            ERR_clear_error()
            let result = call(ssl)
            // Asked for before anything else may change it.
            let error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl, result)
            let queued = ERR_peek_last_error()
            let sent = flush(until: deadline)
            switch error {
            case SSL_ERROR_NONE: return result
            case SSL_ERROR_ZERO_RETURN: return 0
            case SSL_ERROR_WANT_READ:
                if sent == .timeout || deadline.isPast { throw .timeout }
                guard try receive(until: deadline) else { throw .closed(received: !first.isEmpty) }
            default:
                if first.first.map({ !Self.isRecord($0) }) ?? false { throw .notTLS(first) }
                let reason = ERR_GET_REASON(queued)
                let words = ERR_reason_error_string(queued).map { String(cString: $0) } ?? "unknown error"
                throw .ssl(reason: reason, words)
            }
        }
    }

    /// TLS records begin with their content type, 20 to 24 (RFC 8446 section 5.1).
    private static func isRecord(_ byte: UInt8) -> Bool { (20...24).contains(byte) }

    private func flush(until deadline: Deadline) -> ProbeSocket.Departure {
        while COpenSSL_pending(outgoing) > 0 {
            var buffer = [UInt8](repeating: 0, count: 16384)
            let count = BIO_read(outgoing, &buffer, Int32(buffer.count))
            guard count > 0 else { break }
            let departure = socket.write(Array(buffer[..<Int(count)]), until: deadline)
            // A failure shows again when the answer is read, which may say more.
            guard departure == .sent else { return departure }
        }
        return .sent
    }

    /// False at the end of the connection.
    private func receive(until deadline: Deadline) throws(Failure) -> Bool {
        switch socket.read(until: deadline) {
        case .bytes(let bytes):
            if first.count < 64 { first += bytes.prefix(64 - first.count) }
            return BIO_write(incoming, bytes, Int32(bytes.count)) == Int32(bytes.count)
        case .end, .failed: return false
        case .timeout: throw .timeout
        }
    }

    // What was agreed on; after the handshake.

    var version: String { String(cString: SSL_get_version(ssl)) }

    var cipher: String {
        SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_get_name($0) }.map { String(cString: $0) } ?? "none"
    }

    /// The group of the key exchange; nil where there is none (RSA key transport).
    var group: String? { COpenSSL_group_name(ssl).map { String(cString: $0) } }

    /// Calls with the chain as the server sent it, its own certificate first. Valid only inside the call.
    func withChain<Value>(_ body: (OpaquePointer?) -> Value) -> Value { body(SSL_get_peer_cert_chain(ssl)) }
}
