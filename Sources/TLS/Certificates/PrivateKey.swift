// A private key for TLS: RSA, ECDSA or EdDSA, as OpenSSL reads it. It never leaves OpenSSL's memory as text but to its
// own file.
import COpenSSL

package final class PrivateKey {
    /// EVP_PKEY.
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// The key of a PEM text (PKCS #8, SEC 1 or PKCS #1), not encrypted: a service has nobody to ask.
    package convenience init(pem: [UInt8]) throws(OpenSSLError) {
        let bio = try PEM.reading(pem, isSecret: true)
        defer { BIO_free(bio) }
        // No password: without a callback OpenSSL would ask on the terminal.
        guard let key = PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil) else {
            let code = ERR_peek_last_error()
            ERR_clear_error()
            let isLocked = COpenSSL.ERR_GET_REASON(code) == PEM_R_BAD_PASSWORD_READ
            throw OpenSSLError(
                words: isLocked
                    ? "the key in it is encrypted; write it without a password, for its user only (0600)"
                    : "no readable PEM private key in it")
        }
        self.init(owning: key)
    }

    /// PKCS #8, for a file with mode 0600.
    var secretPEM: String { PEM.text { PEM_write_bio_PrivateKey($0, pointer, nil, nil, 0, nil, nil) } }

    /// Whether this is the key of the certificate.
    package func fits(_ certificate: Certificate) -> Bool {
        defer { ERR_clear_error() }
        return X509_check_private_key(certificate.pointer, pointer) == 1
    }
}
