// Everything that is wrong with a server's certificates, by OpenSSL's own verification.
import COpenSSL

/// One fault of a chain.
package struct CertificateFault: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// Not for the host that was asked for.
        case name
        case expired
        case notYetValid
        case selfSigned
        /// The chain does not end at an authority that is trusted.
        case issuerUnknown
        case other
    }

    package var kind: Kind
    /// The place of the certificate in the chain, 0 being the server's own.
    package var depth: Int
    /// OpenSSL's words.
    package var words: String

    package init(kind: Kind, depth: Int, words: String) {
        self.kind = kind
        self.depth = depth
        self.words = words
    }

    /// X509_V_ERR_… of X509_STORE_CTX_get_error(3).
    init(code: Int32, depth: Int) {
        self.init(
            kind: Kind(code), depth: depth, words: String(cString: X509_verify_cert_error_string(Int(code))))
    }
}

extension CertificateFault.Kind {
    init(_ code: Int32) {
        switch code {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .name
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: self = .selfSigned
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            self = .issuerUnknown
        default: self = .other
        }
    }
}

package enum ServerVerification {
    /// Whether a file holds certificates that OpenSSL can trust.
    package static func canTrust(_ file: String) -> Bool {
        guard let store = X509_STORE_new() else { return false }
        defer { X509_STORE_free(store) }
        ERR_clear_error()
        return X509_STORE_load_file(store, file) == 1
    }

    /// All faults of a chain, the server's certificate first; empty when there is none. `authorities` is a PEM file
    /// that is trusted beside the system's.
    package static func faults(of chain: [Certificate], host: String, authorities: String?)
        -> [CertificateFault]
    {
        guard let leaf = chain.first, let stack = COpenSSL_stack(), let store = X509_STORE_new(),
            let context = X509_STORE_CTX_new()
        else { return [unspecified("there is no certificate to verify")] }
        defer {
            X509_STORE_CTX_free(context)
            X509_STORE_free(store)
            COpenSSL_free_stack(stack)
        }
        for certificate in chain { _ = COpenSSL_push(stack, certificate.pointer) }
        X509_STORE_set_default_paths(store)
        if let authorities { X509_STORE_load_file(store, authorities) }
        guard X509_STORE_CTX_init(context, store, leaf.pointer, stack) == 1,
            ServerName.expect(host, X509_STORE_CTX_get0_param(context))
        else { return [unspecified("OpenSSL cannot verify it for this host")] }
        let notes = Notes()
        X509_STORE_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(notes).toOpaque())
        X509_STORE_CTX_set_verify_cb(context) { passed, context in
            guard passed == 0, let context, let data = X509_STORE_CTX_get_ex_data(context, 0) else {
                return 1
            }
            let fault = CertificateFault(
                code: X509_STORE_CTX_get_error(context), depth: Int(X509_STORE_CTX_get_error_depth(context)))
            let notes = Unmanaged<Notes>.fromOpaque(data).takeUnretainedValue()
            if !notes.faults.contains(fault) { notes.faults.append(fault) }
            // Go on: one fault must not hide the next.
            return 1
        }
        let result = withExtendedLifetime(notes) { X509_verify_cert(context) }
        ERR_clear_error()
        return faults(result, notes.faults)
    }

    /// What the callback of the verification notes.
    private final class Notes {
        var faults: [CertificateFault] = []
    }

    /// Only 1 is a yes; any other result is a fault even when none was noted.
    static func faults(_ result: Int32, _ noted: [CertificateFault]) -> [CertificateFault] {
        result != 1 && noted.isEmpty ? [unspecified("OpenSSL could not end the verification")] : noted
    }

    private static func unspecified(_ words: String) -> CertificateFault {
        CertificateFault(kind: .other, depth: 0, words: words)
    }
}

/// The other side's name, as a certificate must have it.
enum ServerName {
    static func isAddress(_ host: String) -> Bool {
        guard let address = a2i_IPADDRESS(host) else {
            ERR_clear_error()
            return false
        }
        ASN1_OCTET_STRING_free(address)
        return true
    }

    /// A server of this name or address is wanted; false when that cannot be asked for.
    static func expect(_ host: String, _ parameters: OpaquePointer?) -> Bool {
        guard X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER) == 1 else { return false }
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        if isAddress(host) { return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        // OpenSSL takes an empty name for any.
        return !name.isEmpty && X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1
    }
}
