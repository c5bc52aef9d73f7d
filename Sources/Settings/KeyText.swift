// What may be shown of a mapping's key that nobody knows. The file may be another one than was meant, with a secret in the place of
// a key: a message tells of it and is read by more people than the file is.

package enum KeyText {
    /// In characters: what is longer is no key of anything that is read here.
    private static let longest = 24

    /// nil unless it looks like a name that somebody gave a key: letters, and what stands between words. A secret has digits, or is
    /// longer.
    package static func shown(_ name: String) -> String? {
        guard (1...longest).contains(name.utf8.count),
            name.utf8.allSatisfy({ byte in
                (0x61...0x7A).contains(byte | 0x20) || [0x2D, 0x2E, 0x5F].contains(byte)
            })
        else { return nil }
        return name
    }

    /// What to say of it: with the key where it may be shown, in place of it how long it is.
    package static func unknown(_ name: String, among allowed: [String]) -> String {
        let what = shown(name) == nil ? "unknown key of \(count(name))" : "unknown key"
        return "\(what); \(Suggestion.sentence(for: name, among: allowed))"
    }

    /// "1 character", "60 characters".
    static func count(_ text: String) -> String {
        let count = text.unicodeScalars.count
        return count == 1 ? "1 character" : "\(count) characters"
    }
}
