// A line of `Policy.difference` as the ledger keeps it, read back: whether it may be why somebody is refused. Pure.

/// Entries keep the first 100 lines, cut to `limit` bytes. What cannot be read of a line may be anything.
package struct DifferenceLine: Sendable, Hashable {
    /// Bytes of a line that entries keep.
    package static let limit = 512

    private let text: String

    package init(_ text: String) { self.text = text }

    /// Whether a caller may be refused by it: a list entry was taken away, or something changed in it that decides. One that was
    /// added refuses nobody.
    package var mayRefuse: Bool {
        if text.hasPrefix("+ ") { return false }
        guard text.hasPrefix("~ "), !isCut else { return true }
        // `field old -> new`; the values of fields that decide have no spaces.
        let words = words
        return words.indices.dropLast(2).contains {
            words[$0 + 2] == "->" && SourceEntry.decidingFields.contains(String(words[$0]))
        }
    }

    /// Whether it is of a block that holds the address, or tells none.
    package func mayHold(_ source: IPAddress) -> Bool {
        for word in words where word.contains("/") {
            if let block = try? CIDRBlock(word.last == ":" ? word.dropLast() : word) {
                return block.contains(source)
            }
        }
        return true
    }

    /// Whether it is of a list entry of this id.
    package func isOf(_ id: String) -> Bool {
        text.dropFirst(2).hasPrefix(UntrustedText.head(UntrustedText.line(id), limit: Self.limit) + " ")
    }

    /// As `UntrustedText.head` cuts: the last piece, which did not fit in, has at most ten bytes.
    private var isCut: Bool { text.hasSuffix("...") && text.utf8.count > Self.limit - 10 }

    private var words: [Substring] { text.split(separator: " ") }
}
