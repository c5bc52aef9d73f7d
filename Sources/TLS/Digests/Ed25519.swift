// Ed25519 signatures (RFC 8032), by OpenSSL.
import COpenSSL

package enum Ed25519 {
    /// Bytes of a public key and of a private key's seed.
    package static let keyCount = 32
    package static let signatureCount = 64

    /// A private key by its seed. Never print it.
    package struct PrivateKey: Sendable {
        package let seed: [UInt8]
        package let publicKey: PublicKey

        /// Throws when OpenSSL, under the system's policy, has no Ed25519, or when the seed has not 32 bytes.
        package init(seed: [UInt8]) throws(OpenSSLError) {
            let key = try Ed25519.key(
                EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count), seed.count)
            defer { EVP_PKEY_free(key) }
            var bytes = [UInt8](repeating: 0, count: keyCount)
            var count = bytes.count
            guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == keyCount else {
                throw OpenSSLError.queued()
            }
            self.seed = seed
            publicKey = PublicKey(verified: bytes)
        }

        package static func make() throws(OpenSSLError) -> PrivateKey {
            try PrivateKey(seed: RandomBytes.make(keyCount))
        }

        package func signature(of message: [UInt8]) throws(OpenSSLError) -> [UInt8] {
            let key = try Ed25519.key(
                EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count), seed.count)
            defer { EVP_PKEY_free(key) }
            guard let context = EVP_MD_CTX_new() else { throw OpenSSLError.queued() }
            defer { EVP_MD_CTX_free(context) }
            var signature = [UInt8](repeating: 0, count: signatureCount)
            var count = signature.count
            guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
                EVP_DigestSign(context, &signature, &count, message, message.count) == 1,
                count == signatureCount
            else { throw OpenSSLError.queued() }
            return signature
        }
    }

    package struct PublicKey: Sendable, Hashable {
        package let bytes: [UInt8]

        fileprivate init(verified bytes: [UInt8]) { self.bytes = bytes }

        /// nil unless OpenSSL takes the 32 bytes as a key.
        package init?(_ bytes: [UInt8]) {
            guard
                let key = try? Ed25519.key(
                    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count), bytes.count)
            else { return nil }
            EVP_PKEY_free(key)
            self.bytes = bytes
        }

        package func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
            ERR_clear_error()
            guard let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count) else {
                return false
            }
            defer { EVP_PKEY_free(key) }
            guard let context = EVP_MD_CTX_new() else { return false }
            defer { EVP_MD_CTX_free(context) }
            return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
                && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        }
    }

    private static func key(_ made: OpaquePointer?, _ count: Int) throws(OpenSSLError) -> OpaquePointer {
        guard let made else { throw OpenSSLError.queued() }
        guard count == keyCount else {
            EVP_PKEY_free(made)
            throw OpenSSLError(words: "an Ed25519 key has \(keyCount) bytes")
        }
        return made
    }
}
