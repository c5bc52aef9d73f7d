// A self-signed certificate to try a gate with: ECDSA P-256, this host's name and loopback. Callers must be told
// to trust it; VSee needs one of a public authority.
import COpenSSL

package struct TrialCertificate {
    /// PEM.
    package let certificate: String
    package let key: String

    /// Good from an hour before `now` (clocks differ) for a year after it; seconds since the epoch.
    package init(host: String, now: Int64) throws(OpenSSLError) {
        guard let made = COpenSSL_new_p256_key(), let pointer = X509_new() else {
            throw OpenSSLError.queued()
        }
        let key = PrivateKey(owning: made)
        let certificate = Certificate(owning: pointer)
        try Self.fill(pointer, host: host, now: now)
        guard X509_set_pubkey(pointer, key.pointer) == 1, X509_sign(pointer, key.pointer, EVP_sha256()) > 0
        else {
            throw OpenSSLError.queued()
        }
        self.certificate = certificate.pem
        self.key = key.secretPEM
    }

    private static func fill(_ pointer: OpaquePointer, host: String, now: Int64) throws(OpenSSLError) {
        // Twenty bytes at most, positive, not zero (RFC 5280 section 4.1.2.2).
        var serial = RandomBytes.make(16)
        serial[0] = serial[0] & 0x7F | 0x40
        let number = BN_bin2bn(serial, Int32(serial.count), nil)
        defer { BN_free(number) }
        let name = X509_get_subject_name(pointer)
        // Version 3 is written as 2.
        guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil,
            X509_set_version(pointer, 2) == 1,
            ASN1_TIME_set(X509_getm_notBefore(pointer), time_t(now - 3600)) != nil,
            ASN1_TIME_set(X509_getm_notAfter(pointer), time_t(now + 365 * 86400)) != nil,
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, "dropgate trial", -1, -1, 0) == 1,
            X509_set_issuer_name(pointer, name) == 1
        else { throw OpenSSLError.queued() }
        var names = ["DNS:localhost"]
        if isHostName(host), host != "localhost" { names.append("DNS:\(host)") }
        names += ["IP:127.0.0.1", "IP:::1"]
        for (kind, value) in [
            (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, "serverAuth"), (NID_subject_key_identifier, "hash"),
            (NID_subject_alt_name, names.joined(separator: ",")),
        ] where COpenSSL_add_extension(pointer, kind, value) != 1 {
            throw OpenSSLError.queued()
        }
    }

    /// RFC 1123 section 2.1, so that the name fits a certificate; and nothing that OpenSSL's syntax would take apart.
    private static func isHostName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 253
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
                    && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            }
    }
}
