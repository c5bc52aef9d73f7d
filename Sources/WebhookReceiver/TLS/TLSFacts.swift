// What is known of a connection's TLS once the handshake is done.
import Crypto
import NIOSSL

struct TLSFacts: Sendable {
    /// "1.2" or "1.3".
    var version: String?
    /// "SHA256:" and the hex digest of the client's certificate (DER), with mTLS.
    var credential: String?

    init(_ handler: NIOSSLServerHandler) {
        version =
            switch handler.tlsVersion {
            case .tlsv13: "1.3"
            case .tlsv12: "1.2"
            default: nil
            }
        if let certificate = handler.peerCertificate, let bytes = try? certificate.toDERBytes() {
            var hasher = SHA256()
            bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
            credential = "SHA256:" + Hex.text(hasher.finalize())
        }
    }
}

enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
