// Password hashes in the system's own format, crypt(3): what sshd compares with. Plain passwords are
// hashed here and forgotten; neither they nor the hashes are ever printed.
import CShims

/// A crypt(3) hash that libxcrypt supports and does not call legacy. It never prints.
package struct PasswordHash: Sendable, Hashable, CustomStringConvertible {
    /// The hash as a shadow file holds it.
    package let text: String

    package var description: String { "(password hash)" }

    /// Bytes of a plain password; crypt(3) takes at most 511.
    package static let passwordLength = 12...511

    /// Takes a hash. It must be fit for a field of a shadow file.
    package init(hash: String) throws(AccountError) {
        let isPrintable = hash.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }
        guard isPrintable, hash.utf8.count <= 256, dropgate_crypt_check(hash) == 0 else {
            throw AccountError(
                .badPassword,
                "not a crypt(3) hash of a method that is still good; make one with `mkpasswd -m yescrypt` or "
                    + "`openssl passwd -6`, or let `dropgate account add --password-stdin` do it")
        }
        text = hash
    }

    /// Hashes a plain password with yescrypt, or sha512crypt where libxcrypt lacks it.
    package init(password: String) throws(AccountError) {
        guard Self.passwordLength.contains(password.utf8.count),
            !password.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else {
            throw AccountError(
                .badPassword,
                "a password needs \(Self.passwordLength.lowerBound) to \(Self.passwordLength.upperBound) bytes and no "
                    + "control characters")
        }
        guard let setting = Self.setting("$y$", cost: 0) ?? Self.setting("$6$", cost: 500_000),
            let hash = Self.crypt(password, setting)
        else {
            throw AccountError(.badPassword, "the system's crypt(3) has neither yescrypt nor sha512crypt")
        }
        text = hash
    }

    /// Whether this is the hash of `password`.
    package func matches(_ password: String) -> Bool {
        Self.crypt(password, text) == text
    }

    /// Larger than any result of crypt(3) (CRYPT_OUTPUT_SIZE).
    private static let resultSize = 512

    private static func setting(_ prefix: String, cost: UInt) -> String? {
        text { dropgate_crypt_setting(prefix, cost, $0, $1) }
    }

    private static func crypt(_ password: String, _ setting: String) -> String? {
        text { dropgate_crypt(password, setting, $0, $1) }
    }

    private static func text(_ fill: (UnsafeMutablePointer<CChar>, Int) -> Int32) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: resultSize) { buffer in
            guard let base = buffer.baseAddress, fill(base, buffer.count) == 0 else { return nil }
            return String(validatingCString: base)
        }
    }
}
