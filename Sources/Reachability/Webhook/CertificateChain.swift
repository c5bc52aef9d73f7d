// A server's certificates: what they say, and everything that is wrong with them, by OpenSSL's own verification.
import Admission
import COpenSSL
import Foundation

struct CertificateChain {
    struct Certificate {
        var subject: String
        var issuer: String
        var notBefore: Instant
        var notAfter: Instant
        /// Subject alternative names as OpenSSL prints them.
        var names: String
        /// Where the issuer's certificate can be got (AIA), as OpenSSL prints it.
        var issuerPlace: String?
    }

    /// One fault: OpenSSL's X509_V_ERR_… with the place of the certificate, 0 being the server's own.
    struct Fault: Hashable {
        var code: Int32
        var depth: Int
        var words: String
    }

    var certificates: [Certificate]
    var faults: [Fault]

    /// Reads and verifies. `authorities` is a PEM file that is trusted beside the system's.
    init(_ chain: OpaquePointer?, host: String, authorities: String?) {
        let count = COpenSSL_count(chain)
        certificates = (0..<count).compactMap { COpenSSL_certificate(chain, $0) }.map(Self.read)
        faults = Self.verify(chain, host: host, authorities: authorities)
    }

    /// Whether a file holds certificates that OpenSSL can load.
    static func canLoad(_ file: String) -> Bool {
        guard let store = X509_STORE_new() else { return false }
        defer { X509_STORE_free(store) }
        ERR_clear_error()
        return X509_STORE_load_file(store, file) == 1
    }

    private static func read(_ certificate: OpaquePointer) -> Certificate {
        Certificate(
            subject: text { COpenSSL_name_text(X509_get_subject_name(certificate), $0, $1) },
            issuer: text { COpenSSL_name_text(X509_get_issuer_name(certificate), $0, $1) },
            notBefore: instant(X509_get0_notBefore(certificate)),
            notAfter: instant(X509_get0_notAfter(certificate)),
            names: text { COpenSSL_extension_text(certificate, NID_subject_alt_name, $0, $1) },
            issuerPlace: issuerPlace(
                text { COpenSSL_extension_text(certificate, NID_info_access, $0, $1) }))
    }

    private static func text(_ fill: (UnsafeMutablePointer<CChar>, Int32) -> Void) -> String {
        let bytes = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
            buffer.withMemoryRebound(to: CChar.self) { chars in
                guard let start = chars.baseAddress else { return }
                start.pointee = 0
                fill(start, Int32(chars.count))
                count = strlen(start)
            }
        }
        return OutsideText.line(String(decoding: bytes, as: UTF8.self))
    }

    /// `CA Issuers - URI:http://…` among lines that were made one by `OutsideText`.
    private static func issuerPlace(_ text: String) -> String? {
        let mark = "CA Issuers - URI:"
        guard let range = text.range(of: mark) else { return nil }
        return String(text[range.upperBound...].prefix { $0 != "\\" && $0 != " " })
    }

    private static func instant(_ time: UnsafePointer<ASN1_TIME>?) -> Instant {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return Instant(microseconds: 0) }
        return Instant(microseconds: Int64(timegm(&parts)) * 1_000_000)
    }

    /// What the callback of the verification notes.
    private final class Notes {
        var faults: [Fault] = []
    }

    private static func verify(_ chain: OpaquePointer?, host: String, authorities: String?) -> [Fault] {
        guard COpenSSL_count(chain) > 0, let leaf = COpenSSL_certificate(chain, 0),
            let store = X509_STORE_new(), let context = X509_STORE_CTX_new()
        else { return [unspecified("there is no certificate to verify")] }
        defer {
            X509_STORE_CTX_free(context)
            X509_STORE_free(store)
        }
        X509_STORE_set_default_paths(store)
        if let authorities { X509_STORE_load_file(store, authorities) }
        guard X509_STORE_CTX_init(context, store, leaf, chain) == 1,
            expect(host, X509_STORE_CTX_get0_param(context))
        else { return [unspecified("OpenSSL cannot verify it for this host")] }
        let notes = Notes()
        X509_STORE_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(notes).toOpaque())
        X509_STORE_CTX_set_verify_cb(context) { passed, context in
            guard passed == 0, let context, let data = X509_STORE_CTX_get_ex_data(context, 0) else {
                return 1
            }
            let code = X509_STORE_CTX_get_error(context)
            let fault = Fault(
                code: code, depth: Int(X509_STORE_CTX_get_error_depth(context)),
                words: String(cString: X509_verify_cert_error_string(Int(code))))
            let notes = Unmanaged<Notes>.fromOpaque(data).takeUnretainedValue()
            if !notes.faults.contains(fault) { notes.faults.append(fault) }
            // Go on: one fault must not hide the next.
            return 1
        }
        let result = withExtendedLifetime(notes) { X509_verify_cert(context) }
        return faults(result, notes.faults)
    }

    /// A server of this name or address is wanted; false when that cannot be asked for.
    static func expect(_ host: String, _ parameters: OpaquePointer?) -> Bool {
        guard X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER) == 1 else { return false }
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        if (try? IPAddress(host)) != nil { return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        // OpenSSL takes an empty name for any.
        return !name.isEmpty && X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1
    }

    /// Only 1 is a yes; any other result is a fault even when none was noted.
    static func faults(_ result: Int32, _ noted: [Fault]) -> [Fault] {
        result != 1 && noted.isEmpty ? [unspecified("OpenSSL could not end the verification")] : noted
    }

    private static func unspecified(_ words: String) -> Fault {
        Fault(code: X509_V_ERR_UNSPECIFIED, depth: 0, words: words)
    }
}
