// What may be shown of a value that is wrong. It may be a secret that stands in the wrong place, and a message of it is read by more
// people than the settings are: whoever words one asks here. It looks at the text and at the name of its key, and never at a file but
// to see whether one is there.
import Admission
import Files

package enum ValueText {
    /// In characters, of each part between slashes: what is longer is no slip of the pen.
    private static let longest = 24
    /// Characters of all words that mix letters and digits, as in 1h30m and 2001:db8::1. A secret that does has more.
    private static let longestMix = 5
    /// Of a number: what is too large for the gate has some more than what is not.
    private static let mostDigits = 20
    /// Letters of a unit behind a number: MiB, min.
    private static let longestUnit = 4

    /// Whether a text looks like a value that somebody got wrong: words and numbers, also with a unit, with what stands between them
    /// in addresses, dates, names and patterns. A password that is a word looks so, too.
    package static func isPlain(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"))
        return parts.allSatisfy(isPlainPart)
            && parts.flatMap(words).filter(isMix).reduce(0) { $0 + $1.count } <= longestMix
    }

    /// For messages: in quotation marks, or how long it is. What nobody would see in it is written as an escape.
    package static func quoted(_ text: String) -> String {
        let seen = UntrustedText.replacing(in: text) { UntrustedText.misleads($0) ? "" : nil }
        return isPlain(seen) ? "\"\(UntrustedText.line(text))\"" : length(text)
    }

    /// "a text of 64 characters".
    static func length(_ text: String) -> String { "a text of \(KeyText.count(text))" }

    private static let secrets: Set<String> = [
        "secret", "secrets", "token", "tokens", "password", "key", "keys", "value",
    ]

    /// Whether a key's path says that a secret, or the file of one, belongs there. Who writes the secret itself writes it there first.
    static func isOfSecret(_ key: String) -> Bool {
        key.split { !$0.isLetter }.contains { secrets.contains(String($0)) }
    }

    /// Whether a path leads to nothing, so that it may be the secret of the file that was meant. What may not be looked at is there.
    static func leadsNowhere(_ path: String) -> Bool {
        do throws(FileError) { return try !Presence.check(path) } catch { return !error.isDenial }
    }

    private static func isPlainPart(_ part: Substring.UTF8View) -> Bool {
        let space = UInt8(ascii: " ")
        // More than two words may be a passphrase.
        guard part.count <= longest, part.filter({ $0 == space }).count <= 1 else { return false }
        return words(part).allSatisfy { $0.allSatisfy { isDigit($0) || isLetter($0) } }
    }

    private static func words(_ part: Substring.UTF8View) -> [Substring.UTF8View] {
        part.split { " .,:_-+*?[]".utf8.contains($0) }
    }

    /// Neither a word nor a number, nor a number with its unit behind it.
    private static func isMix(_ word: Substring.UTF8View) -> Bool {
        let rest = word.drop(while: isDigit)
        let digits = word.count - rest.count
        guard !rest.contains(where: isDigit) else { return true }
        return digits > mostDigits || digits > 0 && rest.count > longestUnit
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}
