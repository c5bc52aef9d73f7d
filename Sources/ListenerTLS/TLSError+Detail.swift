// A failed handshake as the ledger tells it: the TLS library's words, and a hint that helps.
import Admission
package import JSON
package import TLS

extension TLSError {
    /// What the ledger says of a handshake that failed with this error.
    package var detail: [String: JSONValue] {
        var detail: [String: JSONValue] = ["error": .string(UntrustedText.head(words, limit: 200))]
        if let alert { detail["alert"] = .int(Int64(alert)) }
        if let hint { detail["hint"] = .string(hint) }
        return detail
    }

    private static func hint(_ fault: CertificateFault) -> String {
        switch fault.kind {
        case .expired where fault.depth > 0: "a certificate above the caller's has expired"
        case .expired: "the caller's certificate has expired"
        case .notYetValid: "the caller's certificate is not valid yet"
        case .selfSigned, .issuerUnknown: "the caller's certificate is not of the configured authorities"
        case .name, .other:
            "the caller's certificate is not good for this: \(UntrustedText.head(fault.words, limit: 100))"
        }
    }

    private var hint: String? {
        switch cause {
        case .certificateRefused: "the caller does not trust the gate's certificate"
        case .notTLS: "the caller did not speak TLS"
        case .version: "the caller offers nothing newer than TLS 1.1"
        case .algorithms: "the caller offers no cipher, group or signature algorithm that the gate has"
        case .noCertificate: "the caller has no client certificate"
        case .badCertificate(let fault): Self.hint(fault)
        case .certificateWanted, .refused, .unrecognizedName, .closedInHandshake, .truncated, .unread, .other:
            nil
        }
    }
}
