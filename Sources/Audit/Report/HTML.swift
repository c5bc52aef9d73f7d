// Text in HTML. Pure.
import Admission

package enum HTML {
    /// For content and quoted attributes; control characters become visible. Each scalar counts for itself: a quotation mark with a
    /// combining one behind it is a quotation mark, though it is another `Character`.
    package static func escaped(_ text: String) -> String {
        UntrustedText.replacing(in: UntrustedText.stored(text)) { scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            case "'": "&#39;"
            default: nil
            }
        }
    }

    /// For content: no line breaks inside an address or a block, wherever it stands in the text.
    static func content(_ text: String) -> String {
        text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            isAddress(word) ? "<span class=\"ip\">\(escaped(String(word)))</span>" : escaped(String(word))
        }.joined(separator: " ")
    }

    /// Whether a word is an address or a block, be it with a punctuation mark behind it.
    private static func isAddress(_ word: Substring) -> Bool {
        // Longer than every block: what comes from outside is not looked at further.
        guard (2...64).contains(word.utf8.count) else { return false }
        if (try? CIDRBlock(word)) != nil || (try? IPAddress(word)) != nil { return true }
        guard let last = word.last, ":,.;".contains(last) else { return false }
        let bare = word.dropLast()
        return (try? CIDRBlock(bare)) != nil || (try? IPAddress(bare)) != nil
    }

    /// `1,234,567`
    package static func number(_ value: Int64) -> String {
        var digits = Array(String(value))
        var at = digits.count - 3
        while at > 0 {
            digits.insert(",", at: at)
            at -= 3
        }
        return String(digits)
    }
}
