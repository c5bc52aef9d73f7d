// Whether a request carries the console's token (RFC 6750, 2.1). Compared by digests, in constant time; the token
// itself is not kept.
import Crypto
import HTTPTypes
import Settings

struct BearerToken: Sendable {
    private let digest: SHA256Digest

    init(_ token: Secret) { digest = Self.hash(token.bytes) }

    func isIn(_ fields: HTTPFields) -> Bool {
        let values = fields[values: .authorization]
        let words = (values.first ?? "").split(separator: " ", omittingEmptySubsequences: true)
        let offered = Self.hash(Array((words.last ?? "").utf8))
        var difference: UInt8 = 0
        for (mine, theirs) in zip(digest, offered) { difference |= mine ^ theirs }
        return difference == 0 && values.count == 1 && words.count == 2 && words[0].lowercased() == "bearer"
    }

    private static func hash(_ bytes: [UInt8]) -> SHA256Digest {
        var hasher = SHA256()
        bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
        return hasher.finalize()
    }
}
