// Signed notes, C2SP signed-note: a text, an empty line, and one line for each signature. Pure.
import Foundation
package import TLS

/// A text with its signatures. Unknown signatures are kept as they are.
package struct SignedNote: Sendable, Hashable {
    package struct Signature: Sendable, Hashable {
        package var name: String
        /// Four bytes that tell keys of one name apart.
        package var keyID: [UInt8]
        package var bytes: [UInt8]
    }

    /// Ends with a newline and has no empty line.
    package let text: String
    package var signatures: [Signature]

    package init(text: String, signatures: [Signature] = []) {
        self.text = text
        self.signatures = signatures
    }

    /// nil unless the whole is one well-formed note with at least one signature.
    package init?(parsing note: some StringProtocol) {
        guard note.utf8.count <= Self.longest, let gap = note.range(of: "\n\n", options: .backwards) else {
            return nil
        }
        let text = String(note[..<gap.lowerBound]) + "\n"
        let lines = note[gap.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.last == "", lines.count > 1, !text.hasPrefix("\n"), !text.contains("\n\n"),
            text.unicodeScalars.allSatisfy({ $0 == "\n" || $0.value >= 0x20 })
        else { return nil }
        var signatures: [Signature] = []
        for line in lines.dropLast() {
            guard let signature = Signature(line: line) else { return nil }
            signatures.append(signature)
        }
        self.init(text: text, signatures: signatures)
    }

    /// Longer ones are none of ours.
    static let longest = 1 << 20

    package var description: String {
        text + "\n"
            + signatures.map { "\u{2014} \($0.name) \(Data($0.keyID + $0.bytes).base64EncodedString())\n" }
            .joined()
    }

    package mutating func sign(_ key: NoteSigner) throws {
        signatures.append(
            Signature(name: key.verifier.name, keyID: key.verifier.keyID, bytes: try key.signature(of: text)))
    }

    /// Whether this key signed the text.
    package func isSigned(by key: NoteVerifier) -> Bool {
        signatures.contains {
            $0.name == key.name && $0.keyID == key.keyID && key.isValid($0.bytes, for: text)
        }
    }
}

extension SignedNote.Signature {
    /// What each line of a signature begins with.
    fileprivate static let mark = "\u{2014} "

    fileprivate init?(line: some StringProtocol) {
        guard line.hasPrefix(Self.mark) else { return nil }
        let words = line.dropFirst(2).split(separator: " ", omittingEmptySubsequences: false)
        // Base64 has several texts for the same bytes; only one of them is what was written.
        guard words.count == 2, !words[0].isEmpty, let data = Data(base64Encoded: String(words[1])),
            data.count > 4, data.base64EncodedString() == words[1]
        else { return nil }
        self.init(name: String(words[0]), keyID: Array(data.prefix(4)), bytes: Array(data.dropFirst(4)))
    }
}

/// A public key of notes: `NAME+KEYID+BASE64`, Ed25519.
package struct NoteVerifier: Sendable, Hashable {
    package let name: String
    private let key: Ed25519.PublicKey

    private static let ed25519: UInt8 = 1

    package init(name: String, key: Ed25519.PublicKey) {
        self.name = name
        self.key = key
    }

    /// nil unless the text is a verifier key whose key id is right.
    package init?(_ text: String) {
        let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false).map(
            String.init)
        guard parts.count == 3, NoteSigner.isName(parts[0]), let data = Data(base64Encoded: parts[2]),
            data.count == 33, data.first == Self.ed25519,
            let key = Ed25519.PublicKey(Array(data.dropFirst()))
        else { return nil }
        self.init(name: parts[0], key: key)
        guard parts[1] == hexID else { return nil }
    }

    /// SHA-256(name || "\n" || algorithm || key), its first four bytes.
    package var keyID: [UInt8] {
        Array(SHA256.hash(data: Array(name.utf8) + [0x0A, Self.ed25519] + key.bytes).bytes.prefix(4))
    }

    private var hexID: String {
        Hex.text(keyID)
    }

    package var description: String {
        "\(name)+\(hexID)+\(Data([Self.ed25519] + key.bytes).base64EncodedString())"
    }

    func isValid(_ signature: [UInt8], for text: String) -> Bool {
        key.isValid(signature, for: Array(text.utf8))
    }
}

/// A private key of notes: `PRIVATE+KEY+NAME+KEYID+BASE64` as Go's note package writes it. Never print it.
package struct NoteSigner: Sendable {
    package let verifier: NoteVerifier
    private let key: Ed25519.PrivateKey

    package init(name: String, key: Ed25519.PrivateKey) {
        verifier = NoteVerifier(name: name, key: key.publicKey)
        self.key = key
    }

    /// A new key. Throws when the system's crypto policy allows none.
    package init(name: String) throws { self.init(name: name, key: try .make()) }

    package init?(_ text: String) {
        let parts = text.split(separator: "+", maxSplits: 4, omittingEmptySubsequences: false).map(
            String.init)
        guard parts.count == 5, parts[0] == "PRIVATE", parts[1] == "KEY", Self.isName(parts[2]),
            let data = Data(base64Encoded: parts[4]), data.count == 33, data.first == 1,
            let key = try? Ed25519.PrivateKey(seed: Array(data.dropFirst()))
        else { return nil }
        self.init(name: parts[2], key: key)
        guard verifier.description.split(separator: "+")[1] == parts[3] else { return nil }
    }

    /// The private key's text: for its file, 0600.
    package var secretText: String {
        let id = verifier.description.split(separator: "+")[1]
        return "PRIVATE+KEY+\(verifier.name)+\(id)+\(Data([1] + key.seed).base64EncodedString())"
    }

    func signature(of text: String) throws -> [UInt8] {
        try key.signature(of: Array(text.utf8))
    }

    /// C2SP signed-note: not empty, no space, no plus.
    package static func isName(_ name: String) -> Bool {
        !name.isEmpty
            && name.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "+" && !$0.properties.isWhitespace }
    }
}
