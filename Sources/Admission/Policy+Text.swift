// A policy as text: what its version is the digest of, and what it is kept as. `sha256sum` of such a file is the version, so
// that nobody needs this program to check it.
import TLS

extension Policy {
    /// The canonical texts of all entries, sorted by their bytes, one a line.
    package var text: [UInt8] { Self.text(of: entries) }

    /// Reads back what `text` gave. The entries come in the order of their texts.
    /// Throws `.altered` when the text is not that of the version, and `.unknownText` when another program wrote it.
    package init(text: [UInt8], version: String) throws(PolicyError) {
        let found = Self.version(ofText: text)
        guard found == version else {
            throw PolicyError(.altered, "its SHA-256 is \(found), which is not its name")
        }
        guard let lines = String(validating: text, as: UTF8.self) else {
            throw PolicyError(.unknownText, "it is not UTF-8 text")
        }
        var entries: [SourceEntry] = []
        for line in lines.unicodeScalars.split(separator: "\n") {
            guard let entry = SourceEntry(canonicalText: String(line)) else {
                throw PolicyError(
                    .unknownText,
                    "its line \(entries.count + 1) has something that this program does not know: a newer one wrote it"
                )
            }
            entries.append(entry)
        }
        try self.init(entries: entries)
        // What was read must be all there is: nothing of it was passed over.
        guard self.version == version else {
            throw PolicyError(.unknownText, "it was read as other entries than it holds")
        }
    }

    static func text(of entries: [SourceEntry]) -> [UInt8] {
        // Sorted by bytes: String's own order treats canonically equivalent texts as equal.
        let texts = entries.map { Array($0.canonicalText.utf8) }
        return texts.sorted { $0.lexicographicallyPrecedes($1) }.flatMap { $0 + [UInt8(ascii: "\n")] }
    }

    static func version(ofText text: [UInt8]) -> String {
        var hash = SHA256()
        hash.update(data: text)
        return "sha256:" + hash.finalize().hex
    }
}
