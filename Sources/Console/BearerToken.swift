// Whether a request carries the console's token (RFC 6750, 2.1). Compared by digests, in constant time; the token
// itself is not kept.
import HTTPTypes
import Settings
import TLS

struct BearerToken: Sendable {
    private let digest: SHA256Digest

    init(_ token: Secret) { digest = SHA256.hash(data: token.bytes) }

    func isIn(_ fields: HTTPFields) -> Bool {
        let values = fields[values: .authorization]
        let words = (values.first ?? "").split(separator: " ", omittingEmptySubsequences: true)
        let offered = SHA256.hash(data: Array((words.last ?? "").utf8))
        return offered == digest && values.count == 1 && words.count == 2 && words[0].lowercased() == "bearer"
    }
}
