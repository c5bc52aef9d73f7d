// What is known of a connection's TLS once the handshake is done.
import TLS

struct TLSFacts: Sendable {
    /// "1.2" or "1.3".
    var version: String?
    /// "SHA256:" and the hex digest of the client's certificate (DER), with mTLS.
    var credential: String?

    init(_ engine: TLSEngine) {
        version = engine.version.hasPrefix("TLSv") ? String(engine.version.dropFirst(4)) : nil
        credential = engine.peerCertificate.map { "SHA256:" + $0.fingerprint.hex }
    }
}
