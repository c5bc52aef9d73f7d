// Until when the certificates are good that a caller showed, those above it included. A session that is resumed has no chain to look
// at, and each resumption makes it a new one (OpenSSL gives every ticket of TLS 1.3 the time at which it is made): its end goes with
// it, in the session and so in all its tickets.
import COpenSSL

enum SessionEnd {
    /// For SSL_CTX_set_verify(3), which changes nothing of what OpenSSL finds. It is called for each certificate of a chain that is
    /// good, the caller's own at last; before any ticket, and before the session is one that others may resume.
    static let keep: @convention(c) (Int32, OpaquePointer?) -> Int32 = { isGood, verification in
        guard isGood == 1, X509_STORE_CTX_get_error_depth(verification) == 0 else { return isGood }
        let chain = X509_STORE_CTX_get0_chain(verification)
        let ends = (0..<COpenSSL_count(chain)).compactMap { COpenSSL_certificate(chain, $0) }
            .map { Certificate(sharing: $0).notAfter }
        let ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx())
        guard let end = ends.min(), let ssl, let session = SSL_get_session(OpaquePointer(ssl)) else {
            return 0
        }
        // 0 without memory: the caller is refused.
        return withUnsafeBytes(of: end) {
            SSL_SESSION_set1_ticket_appdata(session, $0.baseAddress, $0.count)
        }
    }

    /// Seconds since the epoch; nil: no certificate was asked for.
    static func of(_ session: OpaquePointer) -> Int64? {
        var start: UnsafeMutableRawPointer?
        var count = 0
        guard SSL_SESSION_get0_ticket_appdata(session, &start, &count) == 1, let start,
            count == MemoryLayout<Int64>.size
        else { return nil }
        return start.loadUnaligned(as: Int64.self)
    }
}
