// A session that is resumed again and again was verified once. What has changed since is looked at here, for every listener.
package import Admission
package import TLS

extension TLSEngine {
    /// Why a caller that has resumed a session is not let in: its certificate has expired since the session began, or one above it by
    /// which it was verified. nil: nothing keeps it out. To be asked after the handshake.
    package func faultOfResumption(at now: Instant = .now()) -> TLSError? {
        let seconds = now.microseconds / 1_000_000
        guard isResumed, let end = verifiedUntil, end < seconds else { return nil }
        let isOwn = peerCertificate.map { $0.notAfter < seconds } ?? false
        let fault = CertificateFault(
            kind: .expired, depth: isOwn ? 0 : 1,
            words: isOwn ? "the certificate has expired" : "a certificate above it has expired")
        return TLSError(.badCertificate(fault), words: fault.words)
    }
}
