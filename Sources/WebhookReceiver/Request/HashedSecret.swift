// Comparing what a caller says with a secret, in time that tells nothing about the secret: both sides are hashed
// first, so neither length nor position of a difference shows. It keeps no secret in the clear.
import TLS

struct HashedSecret: Sendable {
    private let digest: SHA256Digest

    init(_ secret: [UInt8]) { digest = SHA256.hash(data: secret) }

    func matches(_ offered: [UInt8]) -> Bool { SHA256.hash(data: offered) == digest }
}

/// Base64 (RFC 4648, 4) of a few bytes; encoding only, so nothing from outside has to be decoded.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var group: UInt32 = 0
        var held = 0
        for byte in bytes {
            group = group << 8 | UInt32(byte)
            held += 1
            if held == 3 {
                for shift in [18, 12, 6, 0] { text.append(alphabet[Int(group >> UInt32(shift) & 63)]) }
                group = 0
                held = 0
            }
        }
        if held > 0 {
            group <<= UInt32(8 * (3 - held))
            for index in 0..<4 {
                let digit = alphabet[Int(group >> UInt32(18 - 6 * index) & 63)]
                text.append(index <= held ? digit : UInt8(ascii: "="))
            }
        }
        return text
    }
}
