// A server's certificates: what they say, and everything that is wrong with them.
import Admission
import Foundation
import TLS

struct CertificateChain {
    /// What a certificate says, made printable: anybody can have written it.
    struct Facts {
        var subject: String
        var issuer: String
        var notBefore: Instant
        var notAfter: Instant
        /// Subject alternative names as OpenSSL prints them.
        var names: String
        /// Where the issuer's certificate can be got (AIA).
        var issuerPlace: String?

        init(_ certificate: Certificate) {
            subject = UntrustedText.line(certificate.subject)
            issuer = UntrustedText.line(certificate.issuer)
            notBefore = Instant(microseconds: certificate.notBefore * 1_000_000)
            notAfter = Instant(microseconds: certificate.notAfter * 1_000_000)
            names = UntrustedText.line(certificate.names)
            issuerPlace = Self.issuerPlace(UntrustedText.line(certificate.authorityAccess))
        }

        /// `CA Issuers - URI:http://…` among lines that were made one by `UntrustedText`.
        private static func issuerPlace(_ text: String) -> String? {
            let mark = "CA Issuers - URI:"
            guard let range = text.range(of: mark) else { return nil }
            return String(text[range.upperBound...].prefix { $0 != "\\" && $0 != " " })
        }
    }

    var certificates: [Facts]
    var faults: [CertificateFault]

    /// Reads and verifies. `authorities` is a PEM file that is trusted beside the system's.
    init(_ chain: [Certificate], host: String, authorities: String?) {
        certificates = chain.map(Facts.init)
        faults = ServerVerification.faults(of: chain, host: host, authorities: authorities)
    }
}
