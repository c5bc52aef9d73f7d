// A private key file: that it can be read, and which key it is, for messages. The library reads the key itself.
package import Files
import Foundation

package struct PrivateKeyFile: Sendable {
    package let path: String
    /// The key, when the file is in OpenSSH's format, which shows the public half also of a locked key.
    package let publicKey: HostKey?
    let passphrase: [UInt8]?

    private static let longest = 64 << 10

    package init(path: String, passphrase: [UInt8]? = nil) throws(FileError) {
        // A key that others can read is refused, as OpenSSH's clients refuse it.
        let text = String(decoding: try FileReading.secret(path), as: UTF8.self)
        self.path = path
        self.passphrase = passphrase
        publicKey = Self.publicBlob(text).map { HostKey(blob: $0) }
    }

    /// Whether it is an RSA key. libssh2 1.10 signs with these by SHA-1 only, which OpenSSH refuses since 8.8.
    package var isRSA: Bool { publicKey?.type == "ssh-rsa" }

    /// openssh/PROTOCOL.key: magic, cipher, KDF, its options, a number of keys, the first public key.
    private static func publicBlob(_ text: String) -> [UInt8]? {
        let lines = text.split(whereSeparator: \.isNewline)
        guard lines.first == "-----BEGIN OPENSSH PRIVATE KEY-----",
            let data = Data(base64Encoded: lines.dropFirst().prefix { !$0.hasPrefix("-") }.joined())
        else { return nil }
        var rest = [UInt8](data)[...]
        let magic = Array("openssh-key-v1".utf8) + [0]
        guard rest.starts(with: magic) else { return nil }
        rest = rest.dropFirst(magic.count)
        for _ in 0..<3 { guard string(&rest) != nil else { return nil } }
        rest = rest.dropFirst(4)
        return string(&rest)
    }

    private static func string(_ bytes: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard bytes.count >= 4 else { return nil }
        let size = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count >= 4 + size else { return nil }
        defer { bytes = bytes.dropFirst(4 + size) }
        return Array(bytes.dropFirst(4).prefix(size))
    }
}
