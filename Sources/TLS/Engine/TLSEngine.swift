// A TLS session as a state machine over memory: bytes of the wire in, bytes for the wire out, text in and out. It knows
// no socket and no clock. All calls of one session must come from one thread at a time, and none may be interrupted by
// another's: OpenSSL keeps its errors by thread.
//
// After every call, also one that throws, `takeOutput` may have bytes for the wire: an alert, as a rule.
import COpenSSL

package final class TLSEngine {
    package enum Role: Sendable {
        case server
        /// `host`: the name or address that the server's certificate must have, where the context verifies; a name is
        /// sent (SNI), an address is not (RFC 6066 section 3).
        case client(host: String)
    }

    /// What came of reading text.
    package enum Reading: Hashable, Sendable {
        case bytes(Int)
        /// All that came has been read.
        case needsInput
        /// The peer has said that it sends no more (close_notify).
        case closed
    }

    private let context: TLSContext
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private let isServer: Bool
    /// A failure ends a session for good.
    private var failure: TLSError?
    /// The first bytes that came, to tell what else they may be.
    package private(set) var firstBytes: [UInt8] = []
    package private(set) var isHandshakeDone = false
    /// A server of TLS 1.3 gives one ticket a connection: a caller that comes back with it gets the next. It goes with the
    /// first answer, so a connection without one costs none.
    private var owesTicket = false

    /// Throws when OpenSSL has no memory, or does not take the host.
    package init(_ context: TLSContext, _ role: Role) throws(OpenSSLError) {
        ERR_clear_error()
        guard let ssl = context.session() else { throw OpenSSLError.queued() }
        guard let incoming = COpenSSL_memory(), let outgoing = COpenSSL_memory() else {
            SSL_free(ssl)
            throw OpenSSLError.queued()
        }
        SSL_set_bio(ssl, incoming, outgoing)
        switch role {
        case .server:
            isServer = true
            SSL_set_accept_state(ssl)
        case .client(let host):
            isServer = false
            SSL_set_connect_state(ssl)
            let isAddress = ServerName.isAddress(host)
            let name = host.hasSuffix(".") ? String(host.dropLast()) : host
            let isNamed = isAddress || COpenSSL_set_server_name(ssl, name) == 1
            guard isNamed, !context.verifiesServers || ServerName.expect(host, SSL_get0_param(ssl)) else {
                SSL_free(ssl)
                throw OpenSSLError(words: "no certificate can be for this name: \(host)")
            }
        }
        self.context = context
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
    }

    /// Both BIOs belong to the session.
    deinit { SSL_free(ssl) }

    // MARK: The wire

    /// Bytes that came. They are kept until they are a whole record, so ask for text after each call.
    package func receive(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil, let start = bytes.baseAddress, bytes.count > 0 else { return }
        if firstBytes.count < 64 { firstBytes += bytes.prefix(64 - firstBytes.count) }
        let taken = BIO_write(incoming, start, Int32(bytes.count))
        if taken != Int32(bytes.count) { failure = TLSError(.other, words: "no memory for what came") }
    }

    /// The connection brings no more bytes.
    package func endInput() { COpenSSL_end(incoming) }

    /// Bytes for the wire so far.
    package var pendingOutput: Int { COpenSSL_pending(outgoing) }

    /// Gives all bytes for the wire, and forgets them; nil when there are none.
    package func takeOutput<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R? {
        var start: UnsafeMutablePointer<CChar>?
        let count = COpenSSL_contents(outgoing, &start)
        guard count > 0 else { return nil }
        defer { COpenSSL_empty(outgoing) }
        return try body(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Whether bytes came that nothing has been made of yet: be it part of a record only.
    package var hasInput: Bool { COpenSSL_pending(incoming) > 0 || SSL_has_pending(ssl) == 1 }

    /// Bytes that came and have not been looked at.
    package var pendingInput: Int { COpenSSL_pending(incoming) }

    /// What is left of the record that is being read (SSL_pending(3)).
    package var pendingText: Int { Int(SSL_pending(ssl)) }

    // MARK: Progress

    /// Goes on with the handshake. False: more bytes of the peer are needed.
    package func handshake() throws(TLSError) -> Bool {
        if isHandshakeDone { return true }
        guard try turn({ SSL_do_handshake($0) }) == .done else { return false }
        isHandshakeDone = true
        owesTicket = isServer && SSL_version(ssl) == TLS1_3_VERSION
        COpenSSL_release_buffers(ssl)
        return true
    }

    /// Puts the next text into `memory`, which must not be empty; only after the handshake.
    package func read(into memory: UnsafeMutableRawBufferPointer) throws(TLSError) -> Reading {
        var count = 0
        switch try turn({ SSL_read_ex($0, memory.baseAddress, memory.count, &count) }) {
        case .done: return .bytes(count)
        case .needsInput: return .needsInput
        case .closed: return .closed
        }
    }

    /// Encrypts text; only after the handshake.
    package func write(_ text: UnsafeRawBufferPointer) throws(TLSError) {
        guard let start = text.baseAddress, text.count > 0 else { return }
        if owesTicket {
            owesTicket = false
            // It is sent before what is written next. Without it the caller's next handshake is a whole one.
            SSL_new_session_ticket(ssl)
        }
        var count = 0
        guard try turn({ SSL_write_ex($0, start, text.count, &count) }) == .done, count == text.count else {
            let failed = TLSError(.other, words: "the session cannot write")
            failure = failed
            throw failed
        }
    }

    /// Says that no more text comes from here (close_notify). A session that failed says nothing.
    package func close() {
        guard failure == nil, isHandshakeDone else { return }
        ERR_clear_error()
        _ = SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// Has both sides take new keys, and the peer say so (RFC 8446 section 4.6.3). For tests: TLS changes keys by itself.
    package func askForNewKeys() throws(TLSError) {
        guard try turn({ SSL_key_update($0, SSL_KEY_UPDATE_REQUESTED) }) == .done else { return }
        _ = try turn { SSL_do_handshake($0) }
    }

    private enum Step {
        case done, needsInput, closed
    }

    private func turn(_ call: (OpaquePointer) -> Int32) throws(TLSError) -> Step {
        if let failure { throw failure }
        ERR_clear_error()
        let result = call(ssl)
        if result > 0 { return .done }
        // Asked for before anything else may change it.
        let error = SSL_get_error(ssl, result)
        let code = ERR_peek_error()
        ERR_clear_error()
        switch error {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_ZERO_RETURN where isHandshakeDone: return .closed
        case SSL_ERROR_ZERO_RETURN:
            throw fail(TLSError(.closedInHandshake, words: "the peer ended the handshake"))
        default: throw fail(named(code))
        }
    }

    private func fail(_ failed: TLSError) -> TLSError {
        failure = failed
        return failed
    }

    private func named(_ code: UInt) -> TLSError {
        let found = TLSError(code: code)
        switch found.cause {
        case .other, .version, .notTLS:
            // The first byte of a record is its content type (RFC 8446 section 5.1).
            if let first = firstBytes.first, !(20...24).contains(first) {
                return TLSError(.notTLS, words: found.words)
            }
            if COpenSSL.ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED {
                let fault = CertificateFault(code: Int32(SSL_get_verify_result(ssl)), depth: 0)
                return TLSError(.badCertificate(fault), words: "\(found.words): \(fault.words)")
            }
            // SSL_ERROR_SYSCALL: the wire ended, and OpenSSL has no words for that.
            if code == 0 {
                return TLSError(
                    isHandshakeDone ? .truncated : .closedInHandshake, words: "the connection ended")
            }
        case .truncated where !isHandshakeDone:
            return TLSError(
                .closedInHandshake, words: "the connection ended in the middle of the handshake")
        default: break
        }
        return found
    }

    // MARK: What was agreed on; after the handshake

    /// `TLSv1.3`
    package var version: String { String(cString: SSL_get_version(ssl)) }

    /// `TLS_AES_256_GCM_SHA384`
    package var cipher: String {
        SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_get_name($0) }.map { String(cString: $0) } ?? "none"
    }

    /// The group of the key exchange; nil where there is none (RSA key transport).
    package var group: String? { COpenSSL_group_name(ssl).map { String(cString: $0) } }

    /// What ALPN chose; nil when nothing was.
    package var applicationProtocol: String? {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &start, &count)
        guard let start, count > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }

    /// The name that the client asked for (SNI).
    package var serverName: String? {
        SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    }

    package var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// Of a server: when the first of the certificates ends by which its client was verified, be it when the session began that is
    /// resumed; seconds since the epoch. nil: the client was asked for none.
    package var verifiedUntil: Int64? { SSL_get_session(ssl).flatMap { SessionEnd.of($0) } }

    /// Takes up a client's session before the handshake. The other one lives until after it, and has read its ticket. For tests:
    /// clients of ours begin anew each time.
    package func resume(_ other: TLSEngine) -> Bool { SSL_set_session(ssl, SSL_get_session(other.ssl)) == 1 }

    /// The peer's certificate.
    package var peerCertificate: Certificate? {
        SSL_get0_peer_certificate(ssl).map { Certificate(sharing: $0) }
    }

    /// The peer's certificates as it sent them, its own first.
    package var peerChain: [Certificate] {
        let chain = SSL_get_peer_cert_chain(ssl)
        let sent = (0..<COpenSSL_count(chain)).compactMap { COpenSSL_certificate(chain, $0) }
            .map { Certificate(sharing: $0) }
        // A server's list of its client's certificates does not have the client's own (SSL_get_peer_cert_chain(3)).
        return isServer ? (peerCertificate.map { [$0] } ?? []) + sent : sent
    }
}
