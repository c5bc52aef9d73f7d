// A digest in hex, for versions of texts that no policy has.
import TLS

enum SHA256Text {
    static func of(_ bytes: [UInt8]) -> String {
        var hash = SHA256()
        hash.update(data: bytes)
        return hash.finalize().hex
    }
}
