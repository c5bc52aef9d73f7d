// Why a TLS session ended before its time: what it was, in our words, and OpenSSL's.
import COpenSSL

package struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Cause: Hashable, Sendable {
        /// No version of TLS in common.
        case version
        /// No cipher, group or signature algorithm in common.
        case algorithms
        /// What came first was not TLS.
        case notTLS
        /// The peer showed no certificate, and one is asked for.
        case noCertificate
        /// The peer's certificate does not verify.
        case badCertificate(CertificateFault)
        /// The peer says that it does not take our certificate.
        case certificateRefused
        /// The peer asks for a certificate of ours.
        case certificateWanted
        /// The peer broke the handshake off without saying why.
        case refused
        /// The peer has no certificate for the name.
        case unrecognizedName
        /// The peer ended in the middle of the handshake.
        case closedInHandshake
        /// The peer's connection ended without close_notify (RFC 8446 section 6.1).
        case truncated
        /// The peer has us answer without reading the answers.
        case unread
        /// Something else.
        case other
    }

    package let cause: Cause
    /// OpenSSL's words, or ours where it has none: "no shared cipher".
    package let words: String
    /// The alert that the peer sent (RFC 8446 section 6).
    package let alert: UInt8?

    package init(_ cause: Cause, words: String, alert: UInt8? = nil) {
        self.cause = cause
        self.words = words
        self.alert = alert
    }

    package var description: String { words }

    /// Of an error code of OpenSSL's queue.
    init(code: UInt) {
        let reason = COpenSSL.ERR_GET_REASON(code)
        let alert =
            (SSL_AD_REASON_OFFSET...SSL_AD_REASON_OFFSET + 255).contains(reason)
            ? UInt8(reason - SSL_AD_REASON_OFFSET) : nil
        self.init(Cause(reason: reason, alert: alert), words: OpenSSLError.words(code), alert: alert)
    }
}

extension TLSError.Cause {
    /// Of one of SSL_R_….
    init(reason: Int32, alert: UInt8?) {
        if let alert {
            self.init(alert: alert)
            return
        }
        switch reason {
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_SSL_VERSION, SSL_R_VERSION_TOO_LOW: self = .version
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_KEY_SHARE,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
            SSL_R_NO_SUITABLE_GROUPS:
            self = .algorithms
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: self = .notTLS
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: self = .noCertificate
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: self = .truncated
        default: self = .other
        }
    }

    private init(alert: UInt8) {
        switch Int32(alert) {
        case SSL_AD_PROTOCOL_VERSION: self = .version
        case SSL_AD_HANDSHAKE_FAILURE: self = .refused
        case SSL_AD_BAD_CERTIFICATE, SSL_AD_UNSUPPORTED_CERTIFICATE, SSL_AD_CERTIFICATE_REVOKED,
            SSL_AD_CERTIFICATE_EXPIRED, SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNKNOWN_CA:
            self = .certificateRefused
        case SSL_AD_CERTIFICATE_REQUIRED: self = .certificateWanted
        case SSL_AD_UNRECOGNIZED_NAME: self = .unrecognizedName
        default: self = .other
        }
    }
}
