// A host key as SSH sends it, its fingerprint, and what it is compared with: fingerprints that were given, or the
// lines of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
import Admission
import Foundation
import TLS

package struct HostKey: Sendable, Hashable {
    /// `ssh-ed25519`, printable.
    package let type: String
    /// `SHA256:…`, base64 without padding, as OpenSSH prints it.
    package let fingerprint: String

    /// The blob begins with its type as a string of SSH (RFC 4253 section 6.6).
    package init(blob: [UInt8]) {
        let size = blob.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        type = UntrustedText.head(String(decoding: blob.dropFirst(4).prefix(min(size, 64)), as: UTF8.self))
        let digest = Data(SHA256.hash(data: blob).bytes).base64EncodedString()
        fingerprint = "SHA256:" + digest.prefix { $0 != "=" }
    }
}

package struct HostKeyPins: Sendable, Hashable {
    /// Where the pins are from, for messages: `--host-key`, or the file.
    package let origin: String
    package var fingerprints: Set<String>
    package var revoked: Set<String> = []
    /// Types of the pinned keys, when known: the server is asked for one of these first.
    package var types: [String] = []

    /// From fingerprints as `ssh-keygen -l` prints them.
    package init(fingerprints: [String], origin: String) throws(TargetError) {
        for text in fingerprints {
            // 32 bytes are 43 digits and padding, which OpenSSH leaves out and Foundation does not count.
            let digits = text.dropFirst(7)
            guard text.hasPrefix("SHA256:"), digits.utf8.count == 43, !digits.contains("="),
                Data(base64Encoded: digits + "=")?.count == 32
            else {
                throw TargetError(
                    "\(origin): \"\(UntrustedText.head(text))\" is not a fingerprint; write "
                        + "SHA256:… as `ssh-keygen -lf KEY.pub` prints it")
            }
        }
        self.origin = origin
        self.fingerprints = Set(fingerprints)
    }

    /// The keys that a known_hosts file has for a host.
    package init(knownHosts text: String, host: String, port: UInt16, origin: String) {
        self.origin = origin
        fingerprints = []
        let name = port == 22 ? host : "[\(host)]:\(port)"
        for line in text.split(whereSeparator: \.isNewline) {
            var fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            let mark = first.hasPrefix("@") ? fields.removeFirst() : nil
            guard fields.count >= 3, Self.matches(fields[0], name.lowercased()),
                let blob = Data(base64Encoded: fields[2])
            else { continue }
            let key = HostKey(blob: [UInt8](blob))
            switch mark {
            case nil:
                fingerprints.insert(key.fingerprint)
                types.append(key.type)
            case "@revoked": revoked.insert(key.fingerprint)
            // Certificates are not checked here; an authority's key is not a host's key.
            default: continue
            }
        }
    }

    package enum Answer: Sendable, Hashable { case pinned, differs, unknown, revoked }

    package func check(_ key: HostKey) -> Answer {
        if revoked.contains(key.fingerprint) { return .revoked }
        if fingerprints.isEmpty { return .unknown }
        return fingerprints.contains(key.fingerprint) ? .pinned : .differs
    }

    /// Whether the first field of a line names the host: patterns with `*`, `?` and `!`, or a hashed name.
    private static func matches(_ field: String, _ name: String) -> Bool {
        if field.hasPrefix("|") { return matchesHash(field, name) }
        var isNamed = false
        for pattern in field.split(separator: ",") {
            let isNegated = pattern.hasPrefix("!")
            let bare = Array((isNegated ? pattern.dropFirst() : pattern).lowercased().utf8)
            guard glob(bare[...], Array(name.utf8)[...]) else { continue }
            if isNegated { return false }
            isNamed = true
        }
        return isNamed
    }

    /// `|1|salt|hash`: HMAC-SHA1 of the name, so that a file does not tell where its owner goes.
    private static func matchesHash(_ field: String, _ name: String) -> Bool {
        let parts = field.split(separator: "|")
        guard parts.count == 3, parts[0] == "1", let salt = Data(base64Encoded: String(parts[1])),
            let hash = Data(base64Encoded: String(parts[2]))
        else { return false }
        return HMAC.code(.sha1, key: Array(salt), Array(name.utf8)) == Array(hash)
    }

    /// Linear in both but for one point to go back to; patterns come from the operator's file.
    private static func glob(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var pattern = pattern
        var text = text
        var back: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while let byte = text.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                back = (pattern, text)
            } else if let want = pattern.first, want == byte || want == UInt8(ascii: "?") {
                pattern = pattern.dropFirst()
                text = text.dropFirst()
            } else if let place = back {
                pattern = place.pattern
                text = place.text.dropFirst()
                back = (pattern, text)
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
