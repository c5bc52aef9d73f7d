// Diagnoses of TLS: the handshake, and each fault of a chain of certificates with its repair.
import Admission
import TLS

extension Diagnosis {
    static func tls(_ failure: TLSSession.Failure, _ socket: ProbeSocket, _ limit: Duration) -> Diagnosis {
        switch failure {
        case .timeout: return .noAnswer("to the TLS handshake", limit)
        case .closed(received: false): return .closedAtOnce(to: socket)
        case .closed(received: true):
            return Diagnosis(
                .closedEarly,
                means: "\(socket.peer) closed the connection in the middle of the TLS handshake",
                next:
                    "check the log of the program that terminates TLS there, and whether something on the way "
                    + "inspects TLS")
        case .notTLS(let bytes):
            if bytes.starts(with: Array("SSH-".utf8)) { return .unreadable(.notHTTP(bytes), socket) }
            let text = UntrustedText.head(String(decoding: bytes, as: UTF8.self), limit: 40)
            return Diagnosis(
                .tlsOnPlain,
                means: "\(socket.peer) does not speak TLS: it answered \"\(text)\"",
                next:
                    "use an http:// URL for the probe if plain HTTP is wanted there; VSee needs https://, so "
                    + "give the listener `tls` or put the port of the one with TLS into the URL")
        case .tls(let failure): return .handshake(failure)
        }
    }

    private static func handshake(_ failure: TLSError) -> Diagnosis {
        let said = UntrustedText.head(failure.words, limit: 100)
        switch failure.cause {
        case .version:
            return Diagnosis(
                .tlsVersion,
                means: "no common TLS version: the server does not speak TLS 1.2 or 1.3 (\(said))",
                next: "switch on TLS 1.2 and 1.3 on the server; TLS 1.0 and 1.1 are out of use (RFC 8996)")
        case .certificateWanted:
            return Diagnosis(
                .tlsFailed, means: "the server asks for a client certificate (\(said))",
                next:
                    "VSee documents none: take `tls.client_authorities` away, or ask VSee for its certificate"
            )
        case .refused:
            return Diagnosis(
                .tlsFailed,
                means:
                    "the server broke the handshake off (\(said)): no common cipher or group, no certificate "
                    + "for this name, or it asks for a client certificate",
                next: "look at the server's TLS log and its list of ciphers")
        case .unrecognizedName:
            return Diagnosis(
                .tlsName, means: "the server has no certificate for this name (\(said))",
                next: "use the name that the certificate was issued for, or have one issued for this name")
        default:
            return Diagnosis(
                .tlsFailed, means: "the TLS handshake failed: \(said)",
                next: "`openssl s_client -connect HOST:PORT` shows more; compare with the server's TLS log")
        }
    }

    /// All that is wrong with a chain; empty when nothing is.
    static func faults(
        of chain: CertificateChain, host: String, now: Instant, severity: Severity
    ) -> [Diagnosis] {
        var found: [Diagnosis] = []
        for fault in chain.faults {
            let finding = fault.diagnosis(chain, host: host, severity: severity)
            // One missing issuer shows as up to three faults.
            if !found.contains(where: { $0.code == finding.code }) { found.append(finding) }
        }
        if found.contains(where: { $0.code == .tlsSelfSigned || $0.code == .tlsUntrusted }) {
            found.removeAll { $0.code == .tlsChain }
        }
        return found + expiring(chain, now: now)
    }

    /// Warn when this little is left: time enough for an order, an approval and a change.
    private static let expiryWarning: Duration = .seconds(21 * 86400)

    private static func expiring(_ chain: CertificateChain, now: Instant) -> [Diagnosis] {
        let soon = chain.certificates.filter { $0.notAfter > now && $0.notAfter - now < expiryWarning }
        guard let first = soon.min(by: { $0.notAfter < $1.notAfter }) else { return [] }
        let days = (first.notAfter - now).components.seconds / 86400
        return [
            Diagnosis(
                .tlsExpiring, .warning,
                means:
                    "the certificate of \(first.subject) ends in \(Counted.text(days, "day", "days")), at \(first.notAfter)",
                next: "renew it now, and see that the server loads the new one (a gate does so by itself)")
        ]
    }
}

extension CertificateFault {
    fileprivate func diagnosis(
        _ chain: CertificateChain, host: String, severity: Diagnosis.Severity
    ) -> Diagnosis {
        let leaf = chain.certificates.first
        // Beyond what the server sent lies what the trust store added.
        let subject = depth < chain.certificates.count ? chain.certificates[depth].subject : "an authority"
        let isOwn = depth == 0
        switch kind {
        case .name:
            let names = leaf.map { $0.names.isEmpty ? $0.subject : $0.names } ?? "nothing"
            return Diagnosis(
                .tlsName, severity,
                means: "the certificate is not for \(UntrustedText.head(host, limit: 255)) but for \(names)",
                next:
                    "give VSee a URL with a name of the certificate, or have a certificate issued for this name"
            )
        case .expired:
            let when = depth < chain.certificates.count ? " at \(chain.certificates[depth].notAfter)" : ""
            return Diagnosis(
                .tlsExpired, severity, means: "the certificate of \(subject) has expired\(when)",
                next: isOwn
                    ? "renew it; VSee cannot call until then"
                    : "put the authority's current intermediate certificate into the server's chain file")
        case .notYetValid:
            let when =
                depth < chain.certificates.count ? " before \(chain.certificates[depth].notBefore)" : ""
            return Diagnosis(
                .tlsNotYetValid, severity, means: "the certificate of \(subject) is not valid\(when)",
                next: "compare this machine's clock (`timedatectl`), then the certificate's dates")
        case .selfSigned:
            return Diagnosis(
                .tlsSelfSigned, severity,
                means: "the certificate of \(subject) is self-signed: no caller has reason to trust it",
                next: "have one issued by a public authority; for a trial, --ca FILE trusts this one and "
                    + "--insecure goes on without")
        case .issuerUnknown:
            return issuerUnknown(chain, severity)
        case .other:
            return Diagnosis(
                .tlsChain, severity, means: "the certificate of \(subject) does not verify: \(words)",
                next:
                    "have it issued anew by an authority that follows today's rules, and send its full chain")
        }
    }

    private func issuerUnknown(_ chain: CertificateChain, _ severity: Diagnosis.Severity) -> Diagnosis {
        let last = chain.certificates.last
        let issuer = last?.issuer ?? "unknown"
        if chain.certificates.count == 1 {
            let place = last?.issuerPlace.map { " (from \($0))" } ?? ""
            return Diagnosis(
                .tlsChain, severity,
                means: "the chain is incomplete: the server sends only its own certificate, and its issuer "
                    + "\(issuer) is not known here",
                next:
                    "put the issuer's intermediate certificate\(place) behind the server's own in the chain "
                    + "file; if the issuer is a private authority, --ca FILE trusts it, and VSee will not")
        }
        return Diagnosis(
            .tlsUntrusted, severity,
            means: "the chain ends at \(issuer), which is not in this machine's trust store",
            next: "have the certificate issued by a public authority; if this one is, update "
                + "ca-certificates here; --ca FILE trusts a private one")
    }
}
