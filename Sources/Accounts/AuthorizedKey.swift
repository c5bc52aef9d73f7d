// One public key in OpenSSH's one-line form, checked to its last byte. Options before the key are refused:
// what a session may do is the gate's to say. Formats: RFC 4253 6.6, RFC 5656 3.1, RFC 8709, PROTOCOL.u2f.
import Admission
import Foundation
import TLS

/// A public key that an account may log in with.
package struct AuthorizedKey: Sendable, Hashable, CustomStringConvertible {
    /// "ssh-ed25519", "ssh-rsa", …
    package let type: String
    /// The key blob in base64.
    package let blob: String
    /// What follows the key on its line; "" when nothing does.
    package let comment: String
    /// `SHA256:` and the unpadded base64 of the blob's digest, as `ssh-keygen -l` prints it.
    package let fingerprint: String

    /// The line as it stands in an account's file.
    package var description: String { comment.isEmpty ? "\(type) \(blob)" : "\(type) \(blob) \(comment)" }

    /// Bits of RSA moduli.
    package static let rsaBits = 2048...16384

    /// The types that are taken.
    package static let types = [
        "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa",
    ]

    package init(_ line: some StringProtocol) throws(AccountError) {
        let text = line.trimmingCharacters(in: CharacterSet(charactersIn: " \t\r\n"))
        guard text.utf8.count <= 16 << 10,
            !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else {
            throw Self.bad("it is longer than 16 KiB or has control characters")
        }
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true).map(String.init)
        guard let type = parts.first, Self.types.contains(type) else {
            throw Self.unknownType(parts.first ?? "", in: text)
        }
        guard parts.count > 1, let bytes = Data(base64Encoded: parts[1]), !bytes.isEmpty else {
            throw Self.bad("its second word is not base64")
        }
        try Self.check(blob: [UInt8](bytes), type: type)
        self.type = type
        blob = parts[1]
        comment = parts.count > 2 ? parts[2] : ""
        fingerprint = Self.fingerprint(of: bytes)
    }

    /// `SHA256:…` of a key blob.
    static func fingerprint(of blob: Data) -> String {
        let digest = Data(SHA256.hash(data: blob).bytes).base64EncodedString()
        return "SHA256:" + digest.prefix { $0 != "=" }
    }

    private static func bad(_ why: String) -> AccountError {
        AccountError(
            .badKey,
            "not a public key: \(why); give the one line of a .pub file, as in \"ssh-ed25519 AAAA… comment\"")
    }

    private static func unknownType(_ type: String, in line: String) -> AccountError {
        if line.hasPrefix("---- BEGIN SSH2") {
            return bad("this is a key as RFC 4716 has it (PuTTY's .pub); `ssh-keygen -i -f FILE` converts it")
        }
        if type.hasPrefix("PuTTY-User-Key-File") {
            return bad(
                "this is a private key of PuTTY; PuTTYgen shows its public key \"for pasting into authorized_keys\""
            )
        }
        if type.hasPrefix("-----BEGIN") {
            return bad(
                "this is a PEM or private key; `ssh-keygen -i -f FILE` converts, `ssh-keygen -y -f FILE` extracts"
            )
        }
        if type == "ssh-dss" {
            return AccountError(
                .badKey, "DSA keys are not taken: they are broken; make an ed25519 key instead")
        }
        if type.hasSuffix("-cert-v01@openssh.com") {
            return AccountError(.badKey, "certificates are not taken; give the plain public key")
        }
        if types.contains(where: { line.contains($0 + " ") }) {
            return AccountError(.badKey, "options before a key are not taken; give the key alone")
        }
        // Any other word may be the secret of a file that was named by mistake.
        let isType = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].contains { type.hasPrefix($0) }
        let word = isType ? "its first word \"\(UntrustedText.head(type))\"" : "its first word"
        return bad("\(word) is none of \(types.joined(separator: ", "))")
    }

    private static func check(blob: [UInt8], type: String) throws(AccountError) {
        var reader = SSHStringReader(blob)
        guard reader.text() == type else { throw bad("the type inside the key is not \(type)") }
        let isGood: Bool
        switch type {
        case "ssh-ed25519":
            isGood = reader.string()?.count == 32
        case "sk-ssh-ed25519@openssh.com":
            isGood = reader.string()?.count == 32 && reader.string()?.isEmpty == false
        case "ssh-rsa":
            isGood = try checkRSA(&reader)
        case "sk-ecdsa-sha2-nistp256@openssh.com":
            isGood =
                reader.text() == "nistp256" && isPoint(reader.string(), 32)
                && reader.string()?.isEmpty == false
        default:
            let curve = String(type.dropFirst("ecdsa-sha2-".count))
            let size = ["nistp256": 32, "nistp384": 48, "nistp521": 66][curve] ?? 0
            isGood = reader.text() == curve && isPoint(reader.string(), size)
        }
        guard isGood, reader.isAtEnd else {
            throw bad("it is cut short or has bytes that do not belong to it")
        }
    }

    /// An uncompressed point of a curve whose coordinates have `size` bytes.
    private static func isPoint(_ bytes: ArraySlice<UInt8>?, _ size: Int) -> Bool {
        bytes?.count == 1 + 2 * size && bytes?.first == 4
    }

    private static func checkRSA(_ reader: inout SSHStringReader) throws(AccountError) -> Bool {
        guard let exponent = reader.string(), !exponent.isEmpty, let modulus = reader.string() else {
            return false
        }
        let significant = modulus.drop { $0 == 0 }
        let bits = significant.count * 8 - (significant.first?.leadingZeroBitCount ?? 0)
        guard rsaBits.contains(bits) else {
            throw AccountError(
                .badKey,
                "RSA keys of \(bits) bits are not taken; they need \(rsaBits.lowerBound) to \(rsaBits.upperBound) bits"
            )
        }
        return true
    }
}

/// Reads the length-prefixed strings of an SSH key blob (RFC 4251 5).
struct SSHStringReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func string() -> ArraySlice<UInt8>? {
        guard rest.count >= 4 else { return nil }
        let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard rest.count - 4 >= length else { return nil }
        let string = rest.dropFirst(4).prefix(length)
        rest = rest.dropFirst(4 + length)
        return string
    }

    mutating func text() -> String? {
        string().flatMap { String(validating: $0, as: UTF8.self) }
    }
}
