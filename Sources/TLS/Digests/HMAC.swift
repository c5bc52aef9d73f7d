// Message authentication codes, RFC 2104, by OpenSSL.
import COpenSSL

package struct HMAC: Sendable {
    package enum Hash: Sendable {
        case sha256
        /// For the hashed names of known_hosts (sshd(8)); nothing of ours uses it.
        case sha1

        fileprivate var name: String {
            switch self {
            case .sha256: "SHA2-256"
            case .sha1: "SHA1"
            }
        }
    }

    /// The code of all pieces, one after the other; nil when the system's crypto policy does not allow the hash.
    package static func code(_ hash: Hash, key: [UInt8], _ pieces: [UInt8]...) -> [UInt8]? {
        ERR_clear_error()
        guard let mac = EVP_MAC_fetch(nil, "HMAC", nil) else { return nil }
        defer { EVP_MAC_free(mac) }
        guard let context = COpenSSL_hmac(mac, hash.name, key, key.count) else { return nil }
        defer { EVP_MAC_CTX_free(context) }
        for piece in pieces where !piece.isEmpty {
            guard EVP_MAC_update(context, piece, piece.count) == 1 else { return nil }
        }
        var code = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count = 0
        guard EVP_MAC_final(context, &code, &count, code.count) == 1 else { return nil }
        return Array(code[..<count])
    }
}
